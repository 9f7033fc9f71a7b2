import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { whyNoNamespaces } from "../../src/testing/netns.ts";
import { eventually } from "../scenario/eventually.ts";
import { bird } from "./bgp/bird.ts";
import type { Daemon } from "./bgp/daemon.ts";
import { groundFor, OURS, THEIRS } from "./bgp/ground.ts";
import { Router } from "./bgp/router.ts";

const skip = whyNoNamespaces() ?? (fs.existsSync(bird.program) ? undefined : `needs ${bird.program}`);
const ASN = 64512;

const configuration = (...announced: readonly string[]): string => `
as: ${ASN}
routerId: ${OURS.ipv4}
kernel: true
holdTime: 9
nextHops: { ipv6: "${OURS.ipv6}" }
announce: [${announced.map((prefix) => `"${prefix}"`).join(", ")}]
neighbours:
  - { address: ${THEIRS.ipv4}, as: ${ASN}, connectRetry: 1, gracefulRestart: 30 }
`;

async function running(t: TestContext): Promise<{ router: Router; daemon: Daemon }> {
  const ground = groundFor(t, ASN);
  const announced = ["10.2.0.0/24", "fd02:0:0:1::/64"];
  const daemon = bird.make(t, ground, { asn: ASN, ourAsn: ASN, announced, gracefulRestart: true });
  await daemon.start();
  // The speaker of the ground is another one: this test has a process of its own.
  ground.own.speaker.close("shutdown");
  const router = new Router(t, ground.ours, path.join(ground.folder, "router.yaml"), configuration("192.168.0.0/26"));
  await eventually(() => assert.deepEqual(router.kernel, LEARNED, router.process.output));
  await eventually(() => assert.deepEqual(daemon.learned(), ["192.168.0.0/26"]));
  return { router, daemon };
}

const LEARNED = [`10.2.0.0/24 via ${THEIRS.ipv4}`, `fd02:0:0:1::/64 via ${THEIRS.ipv6}`];

test("learned routes are in the kernel, withdrawn ones are not", { skip }, async (t) => {
  const { router, daemon } = await running(t);
  daemon.announce("10.2.0.0/24");
  await eventually(() => assert.deepEqual(router.kernel, LEARNED.slice(0, 1)));
});

test("killed and started again, the router drops nothing on either side, and then only what is gone", {
  skip,
}, async (t) => {
  const { router, daemon } = await running(t);
  await router.process.kill();
  await eventually(() => assert.ok(!daemon.isUp()));
  assert.deepEqual(router.kernel, LEARNED);
  assert.deepEqual(daemon.learned(), ["192.168.0.0/26"]);
  daemon.announce("10.2.0.0/24");
  router.start();
  await eventually(() => assert.deepEqual(router.kernel, LEARNED.slice(0, 1), router.process.output));
  assert.deepEqual(daemon.learned(), ["192.168.0.0/26"]);
});

test("SIGHUP reads the file again, a file that is wrong changes nothing, SIGTERM leaves nothing", {
  skip,
}, async (t) => {
  const { router, daemon } = await running(t);
  fs.writeFileSync(router.file, configuration("192.168.9.0/26"));
  router.process.signal("SIGHUP");
  await eventually(() => assert.deepEqual(daemon.learned(), ["192.168.9.0/26"]));
  fs.writeFileSync(router.file, "as: nobody\n");
  router.process.signal("SIGHUP");
  await eventually(() => assert.match(router.process.output, /the configuration was not taken over/));
  assert.ok(daemon.isUp());
  router.process.signal("SIGTERM");
  await router.process.gone;
  assert.deepEqual(router.kernel, []);
  await eventually(() => assert.deepEqual(daemon.learned(), []));
});

test("many routes share their gateway's object, which a restart finds again and SIGTERM removes", {
  skip,
}, async (t) => {
  const { router, daemon } = await running(t);
  daemon.announce(...Array.from({ length: 700 }, (_, at) => `10.3.${at >> 6}.${(at & 63) * 4}/30`));
  await eventually(() => assert.equal(router.kernel.length, 700, router.process.output));
  const { there } = router.objects;
  assert.equal(there.length, 1);
  assert.ok(router.objects.used.has(there[0]));
  await router.process.kill();
  await eventually(() => assert.ok(!daemon.isUp()));
  router.start();
  await eventually(() => assert.ok(daemon.isUp(), router.process.output));
  await eventually(() => assert.deepEqual(router.objects, { used: new Set(there), there }, router.process.output));
  router.process.signal("SIGTERM");
  await router.process.gone;
  assert.deepEqual([router.kernel, router.objects.there], [[], []]);
});
