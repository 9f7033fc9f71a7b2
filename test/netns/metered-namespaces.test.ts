/** Turns that begin in the kernel: a call on another thread that has come back, and notifications. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SystemClock } from "../../src/adapter/clock.ts";
import { AsyncWorkName } from "../../src/adapter/work-name.ts";
import { LinkTable } from "../../src/kernel/link-table.ts";
import { Rtnetlink } from "../../src/kernel/rtnetlink.ts";
import { MeteredClock } from "../../src/node/metered-clock.ts";
import { MeteredNamespaces } from "../../src/node/metered-namespaces.ts";
import { TurnMeter } from "../../src/node/turns.ts";
import { namespaceFor, whyNoNamespaces } from "../../src/testing/netns.ts";

test("what the kernel begins is measured", { skip: whyNoNamespaces() ?? false }, async (t) => {
  const testNamespace = namespaceFor(t);
  const { net } = testNamespace;
  const systemClock = new SystemClock();
  const observed: (readonly [name: string, seconds: number])[] = [];
  const metrics = {
    observe: (_key: string, seconds: number, labels: { readonly turn?: string } = {}) =>
      void observed.push([labels.turn ?? "", seconds]),
  };
  const turns = new TurnMeter(systemClock, { metrics, work: new AsyncWorkName() });
  const clock = new MeteredClock(systemClock, turns);
  const namespace = new MeteredNamespaces({ own: () => net, open: () => undefined }, { turns, clock }).own();
  const rtnetlink = new Rtnetlink(namespace, clock);
  t.after(() => rtnetlink.close());
  const links = new LinkTable(rtnetlink);
  await links.start();
  t.after(() => links.close());
  await turns.measure("apply links", async () => {
    await rtnetlink.executeOffLoop([{ type: "createVeth", link: { name: "a" }, peer: { name: "b" } }]);
    const end = systemClock.cpuMicros() + 25_000;
    while (systemClock.cpuMicros() < end);
  });
  await clock.yield();
  assert.ok(
    observed.some(([name, seconds]) => name === "apply links" && seconds > 0.02),
    JSON.stringify(observed),
  );
  // What comes while nothing of ours runs is heard of when the loop is woken for it.
  const heard = new Promise<void>((resolve) => {
    links.listen({ changed: () => resolve(), lost: () => undefined });
  });
  testNamespace.ip("link set dev a up");
  await heard;
  await clock.yield();
  assert.ok(
    observed.some(([name]) => name === "notifications"),
    JSON.stringify(observed),
  );
});
