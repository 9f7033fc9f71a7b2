import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { describeRoute } from "../compile/describe.ts";
import { routeKey } from "../compile/node-state.ts";
import { parseAddress } from "../ip/address.ts";
import { LinkTable } from "../kernel/link-table.ts";
import { Rtnetlink } from "../kernel/rtnetlink.ts";
import { Ground, underTest } from "../testing/driver-ground.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { MemoryKernel } from "../testing/memory-kernel/memory-kernel.ts";
import { SilentLog } from "../testing/silent-log.ts";
import { HostRoutes } from "./host-routes.ts";

async function setUp() {
  const kernel = new MemoryKernel();
  const ground = Ground.withDevices(underTest(kernel));
  const clock = new FakeClock();
  const rtnetlink = new Rtnetlink(kernel, clock);
  const links = new LinkTable(rtnetlink);
  await links.start();
  const known = new Map<string, string>();
  const host = new HostRoutes(
    { rtnetlink, links, clock, log: new SilentLog() },
    {
      set: (route) => void known.set(routeKey(route), describeRoute(route)),
      gone: (route) => void known.delete(routeKey(route)),
    },
  );
  const via = (gateway: string, device = "eth0") => ({
    hops: [{ gateway: parseAddress(gateway), device: ground.index(device) }],
  });
  /** What the mirror has come to. */
  const seen = async () => {
    for (let turn = 0; turn < 20; turn++) await setImmediate();
    return [...known.values()].sort();
  };
  const close = () => {
    host.close();
    links.close();
    rtnetlink.close();
    ground.close();
  };
  return { kernel, ground, host, via, seen, clock, close };
}

const DEFAULT = "0.0.0.0/0 via 10.1.0.254 dev eth0 proto static";

test("what is there, what comes and what goes is known", async (t) => {
  const { ground, host, via, seen, close } = await setUp();
  t.after(close);
  ground.run({ type: "replaceRoute", route: ground.route("0.0.0.0/0", via("10.1.0.254")) });
  await host.start();
  assert.deepEqual(await seen(), [DEFAULT]);
  const more = ground.route("10.2.0.0/16", via("10.1.0.9"));
  ground.run({ type: "replaceRoute", route: more });
  assert.deepEqual(await seen(), [DEFAULT, "10.2.0.0/16 via 10.1.0.9 dev eth0 proto static"]);
  ground.run({ type: "replaceRoute", route: ground.route("10.2.0.0/16", via("10.1.0.8")) });
  assert.deepEqual(await seen(), [DEFAULT, "10.2.0.0/16 via 10.1.0.8 dev eth0 proto static"]);
  ground.run({ type: "deleteRoute", route: ground.route("10.2.0.0/16", via("10.1.0.8")) });
  assert.deepEqual(await seen(), [DEFAULT]);
  ground.run({ type: "replaceRoute", route: ground.route("10.3.0.0/16", { ...via("10.1.0.9"), table: 1000 }) });
  assert.deepEqual(await seen(), [DEFAULT], "another table says nothing");
});

test("what goes without a word, with a device or an address, is missed", async (t) => {
  const { ground, host, via, seen, close } = await setUp();
  t.after(close);
  await host.start();
  const route = ground.route("0.0.0.0/0", via("10.1.0.254"));
  ground.run({ type: "replaceRoute", route });
  assert.deepEqual(await seen(), [DEFAULT]);
  ground.down("eth0");
  assert.deepEqual(await seen(), []);
  ground.up("eth0");
  ground.run({ type: "replaceRoute", route });
  assert.deepEqual(await seen(), [DEFAULT]);
  ground.removeAddress("eth0", "10.1.0.1/24");
  assert.deepEqual(await seen(), []);
});

test("lost notifications and interrupted lists are made up for", async (t) => {
  const { kernel, ground, host, via, seen, clock, close } = await setUp();
  t.after(close);
  await host.start();
  kernel.faults.loseNotifications(1);
  kernel.faults.interruptDumps(2);
  const hand = new Rtnetlink(kernel, clock);
  hand.execute([{ type: "replaceRoute", route: ground.route("0.0.0.0/0", via("10.1.0.254")) }]);
  hand.close();
  await seen();
  await clock.advance(2_000);
  assert.deepEqual(await seen(), [DEFAULT]);
});
