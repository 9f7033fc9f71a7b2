/** Who may send IP-in-IP is asked for as long as the kernel's own ipip takes it in: by real drivers, on the kernel in memory. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SystemClock } from "../adapter/clock.ts";
import type { IpipLink, LinkItem, VxlanLink } from "../compile/node-state.ts";
import { LinkTable } from "../kernel/link-table.ts";
import { Rtnetlink } from "../kernel/rtnetlink.ts";
import { TakenDevices } from "../kernel/taken-devices.ts";
import type { Driver } from "../reconcile/driver.ts";
import { agentHost, cluster, local, put } from "../testing/agent-host.ts";
import { MemoryDriver } from "../testing/memory-driver.ts";
import { MemoryKernel } from "../testing/memory-kernel/memory-kernel.ts";
import { poolObject } from "../testing/objects.ts";
import { runs } from "../testing/runs.ts";
import type { Agent } from "./agent.ts";
import { KernelIpip } from "./drivers/ipip-kernel.ts";
import { IpipLinkDriver } from "./drivers/ipip-links.ts";
import { LinkDriver } from "./drivers/links.ts";

const PARENT = "eth0";
const facts = { ...local, address: { ...local.address!, device: PARENT } };
const POOL = { kind: "IPPool", name: "default-ipv4-ippool" };

/** A node whose kernel has the module. What is carried out is looked at each time: `open` is what was found unguarded. */
async function node() {
  const store = await cluster();
  const host = agentHost(store);
  const kernel = new MemoryKernel();
  kernel.tables.links.loadIpip();
  const hand = new Rtnetlink(kernel, new SystemClock());
  hand.execute([{ type: "createVeth", link: { name: PARENT }, peer: { name: "eth0p" } }]);
  const isUp = () => kernel.view.links().some((line) => /^tunl0 .* up$/.test(line));
  const isGuarded = () =>
    [...host.drivers.tables.kernel.values()].some(({ chains }) => chains.some(({ name }) => name === "filter-INPUT"));
  const open: string[] = [];
  const watched = <V>(driver: Driver<V>): Driver<V> => {
    const apply = driver.apply.bind(driver);
    return Object.assign(driver, {
      apply: async (...[ops]: Parameters<Driver<V>["apply"]>) => {
        const failures = await apply(ops);
        if (isUp() && !isGuarded()) open.push(`after ${driver.name}: ${ops.map(({ op, key }) => `${op} ${key}`)}`);
        return failures;
      },
    });
  };
  watched(host.drivers.tables);
  const start = async (): Promise<{ readonly agent: Agent; close(): Promise<void> }> => {
    const rtnetlink = new Rtnetlink(kernel, new SystemClock());
    const links = new LinkTable(rtnetlink);
    await links.start();
    const deps = { rtnetlink, links, taken: new TakenDevices(rtnetlink.clock) };
    const ipip: Driver<IpipLink> = new IpipLinkDriver(deps, new KernelIpip(deps, "tunl0"));
    const vxlan = new MemoryDriver<VxlanLink>("vxlan");
    const driver: Driver<LinkItem> = watched(new LinkDriver({ vxlan, ipip }));
    const agent = host.start({ links, drivers: { ...host.drivers, links: driver } }, facts);
    const close = async () => {
      await agent.close();
      links.close();
      rtnetlink.close();
    };
    return { agent, close };
  };
  const pool = async (ipipMode: string | undefined) => {
    if (ipipMode === undefined) await store.write([{ op: "delete", key: POOL }]);
    else await put(store, poolObject(POOL.name, "192.168.0.0/16", { ipipMode, vxlanMode: "Never" }));
  };
  const down = () => void hand.execute([{ type: "setLink", link: "tunl0", change: { up: false } }]);
  return { ...host, start, pool, down, isUp, isGuarded, open, kernel };
}

const MODES = ["Always", "CrossSubnet", "Never", undefined] as const;
const step = fc.oneof(
  fc.record({ kind: fc.constant("pool" as const), ipipMode: fc.constantFrom(...MODES) }),
  fc.record({ kind: fc.constantFrom("restart" as const, "down" as const) }),
  fc.record({ kind: fc.constant("wait" as const), ms: fc.constantFrom(0, 1_000, 3_000, 30_000) }),
);

test("whatever pools do, tunl0 is never up without the rule, and the rule is there no longer than pools or tunl0", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), fc.constantFrom(...MODES), async (history, last) => {
      const { start, pool, down, clock, isUp, isGuarded, open, kernel } = await node();
      let running = await start();
      for (const one of history) {
        if (one.kind === "pool") await pool(one.ipipMode);
        else if (one.kind === "down") down();
        else if (one.kind === "wait") await clock.advance(one.ms);
        else {
          await running.close();
          running = await start();
        }
      }
      await pool(last);
      await clock.advance(60_000);
      assert.deepEqual(open, []);
      const isWanted = last === "Always" || last === "CrossSubnet";
      assert.deepEqual([isUp(), isGuarded()], [isWanted, isWanted]);
      await running.close();
      kernel.close();
    }),
    { numRuns: runs(40) },
  );
});
