/** A device that the agent makes anew takes along what hung on it, which is nobody's doing: by real drivers, on the kernel in memory. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SystemClock } from "../adapter/clock.ts";
import type { IpipLink } from "../compile/node-state.ts";
import { LinkTable } from "../kernel/link-table.ts";
import { Rtnetlink } from "../kernel/rtnetlink.ts";
import { HEARD_WITHIN_MS, TakenDevices } from "../kernel/taken-devices.ts";
import { agentHost, cluster, local } from "../testing/agent-host.ts";
import { underTest } from "../testing/driver-ground.ts";
import { MemoryDriver } from "../testing/memory-driver.ts";
import { MemoryKernel } from "../testing/memory-kernel/memory-kernel.ts";
import { addressDriver } from "./drivers/addresses.ts";
import { LinkDriver } from "./drivers/links.ts";
import { fdbDriver, neighbourDriver } from "./drivers/neighbours.ts";
import { RouteDriver } from "./drivers/routes.ts";
import { VxlanLinkDriver } from "./drivers/vxlan-links.ts";

const DEVICE = "vxlan.calico";
const isOurs = (device: string): boolean => device === DEVICE;
/** What there is of the device: it goes together. */
const KINDS = ["addresses", "fdb", "links", "neighbours", "routes"];

/** worker-1, in sync; from `nexthopObjectsFrom` routes on they share nexthop objects, of which notifications name no routes. */
async function node(nexthopObjectsFrom: number) {
  const { start, drivers, clock, log } = agentHost(await cluster());
  const { netlink, close: closeKernel } = underTest(new MemoryKernel());
  const hand = new Rtnetlink(netlink, new SystemClock());
  for (const name of ["ens5", "cali123"]) {
    hand.execute([
      { type: "createVeth", link: { name, up: true }, peer: { name: `${name}p` } },
      { type: "setLink", link: `${name}p`, change: { up: true } },
    ]);
  }
  const rtnetlink = new Rtnetlink(netlink, new SystemClock());
  const links = new LinkTable(rtnetlink);
  await links.start();
  const deps = { rtnetlink, links, taken: new TakenDevices(clock) };
  const agent = start({
    links,
    taken: deps.taken,
    drivers: {
      ...drivers,
      links: new LinkDriver({ vxlan: new VxlanLinkDriver(deps, { isOurs }), ipip: new MemoryDriver<IpipLink>("ipip") }),
      addresses: addressDriver(deps, { isOurs }),
      neighbours: neighbourDriver(deps, { isOurs }),
      fdb: fdbDriver(deps, { isOurs }),
      routes: new RouteDriver(deps, { owns: () => true, nexthopObjectsFrom }),
    },
  });
  await clock.advance(5_000);
  assert.ok(agent.isApplied);
  const close = async () => {
    await agent.close();
    links.close();
    rtnetlink.close();
    hand.close();
    closeKernel();
  };
  const repaired = () => [...new Set(agent.repairs.map(({ kind }) => kind))].sort();
  return { agent, clock, log, hand, repaired, close };
}

for (const [routes, nexthopObjectsFrom] of [
  ["plain routes", 512],
  ["routes by nexthop objects", 0],
] as const) {
  test(`another VNI repairs nothing, and that others delete the device is told: ${routes}`, async () => {
    const { agent, clock, log, hand, repaired, close } = await node(nexthopObjectsFrom);
    const vni = () => hand.link(DEVICE)?.vxlan?.vni;
    assert.equal(vni(), 4_096);
    agent.setLocal({ ...local, vxlan: { ...local.vxlan, vni: 5_000 } });
    await clock.advance(HEARD_WITHIN_MS);
    assert.equal(vni(), 5_000);
    assert.deepEqual(agent.repairs, []);
    const told = log.lines.flatMap(({ message, fields }) =>
      /taken away here/.test(message) ? [fields?.["driver"]] : [],
    );
    assert.deepEqual([...new Set(told)].sort(), KINDS);
    hand.execute([{ type: "deleteLink", link: DEVICE }]);
    await clock.advance(5_000);
    assert.equal(vni(), 5_000);
    assert.deepEqual(repaired(), KINDS);
    await close();
  });
}
