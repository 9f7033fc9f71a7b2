import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { whyNoNamespaces } from "../../src/testing/netns.ts";
import { eventually } from "../scenario/eventually.ts";
import { bird } from "./bgp/bird.ts";
import type { Daemon } from "./bgp/daemon.ts";
import { DaemonProcess, type Ground, groundFor, OURS, THEIRS } from "./bgp/ground.ts";

const skip = whyNoNamespaces() ?? (fs.existsSync(bird.program) ? undefined : `needs ${bird.program}`);
const root = path.resolve(import.meta.dirname, "../..");
const ASN = 64512;

const configuration = (announced: readonly string[]): string => `
as: ${ASN}
routerId: ${OURS.ipv4}
kernel: true
holdTime: 9
nextHops: { ipv6: "${OURS.ipv6}" }
announce: [${announced.map((prefix) => `"${prefix}"`).join(", ")}]
neighbours:
  - { address: ${THEIRS.ipv4}, as: ${ASN}, connectRetry: 1, gracefulRestart: 30 }
`;

/** `ocicat bgp run` in a namespace of its own. */
class Router {
  readonly file: string;
  readonly #t: TestContext;
  readonly #ground: Ground;
  process: DaemonProcess;

  constructor(t: TestContext, ground: Ground) {
    this.#t = t;
    this.#ground = ground;
    this.file = path.join(ground.folder, "router.yaml");
    this.announce("192.168.0.0/26");
    this.process = this.start();
  }

  announce(...prefixes: readonly string[]): void {
    fs.writeFileSync(this.file, configuration(prefixes));
  }

  start(): DaemonProcess {
    const args = [
      path.join(root, "tools/node.sh"),
      path.join(root, "src/main.ts"),
      "bgp",
      "run",
      "--config",
      this.file,
    ];
    this.process = new DaemonProcess(this.#t, this.#ground.ours, "sh", args);
    return this.process;
  }

  /** Routes in the kernel, as `ip route` shows them. */
  get kernel(): string[] {
    return ["-4", "-6"]
      .flatMap((family) =>
        this.#ground.ours.json<{ dst: string; gateway: string }>(`ip -j ${family} route show proto bgp`),
      )
      .map(({ dst, gateway }) => `${dst} via ${gateway}`)
      .sort();
  }
}

async function running(t: TestContext): Promise<{ router: Router; daemon: Daemon }> {
  const ground = groundFor(t, ASN);
  const announced = ["10.2.0.0/24", "fd02:0:0:1::/64"];
  const daemon = bird.make(t, ground, { asn: ASN, ourAsn: ASN, announced, gracefulRestart: true });
  await daemon.start();
  // The speaker of the ground is another one: this test has a process of its own.
  ground.own.speaker.close("shutdown");
  const router = new Router(t, ground);
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
  router.announce("192.168.9.0/26");
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
