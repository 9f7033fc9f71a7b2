import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../base/json.ts";
import { formatAddress, type IpAddress, parseAddress } from "../ip/address.ts";
import { IpamError } from "../ipam/errors.ts";
import { Ipam } from "../ipam/ipam.ts";
import { readPool } from "../ipam/pools.ts";
import { selectorMatcher } from "../selector/matcher.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { MemoryStore } from "../testing/memory-store.ts";
import { nodeObject, poolObject } from "../testing/objects.ts";
import { SilentLog } from "../testing/silent-log.ts";
import { reconcileTunnelAddresses, type TunnelNode, tunnelAddressNeeds } from "./tunnel-addresses.ts";

const matches = selectorMatcher();
const pool = (name: string, cidr: string, spec: JsonObject) => readPool(poolObject(name, cidr, spec).value)!;
const node = (current: TunnelNode["current"] = {}): TunnelNode => ({
  name: "worker-1",
  labels: { rack: "a" },
  current,
});
const needsOf = (pools: ReturnType<typeof pool>[], own = node()) =>
  tunnelAddressNeeds(pools, own, matches).map(({ kind, need, pools: names }) =>
    `${kind} ${need} ${names.join()}`.trim(),
  );

test("a tunnel needs an address when an enabled IPv4 pool encapsulates so and selects the node", () => {
  const never = { vxlanMode: "Never", ipipMode: "Never" };
  assert.deepEqual(needsOf([pool("a", "10.0.0.0/16", { vxlanMode: "CrossSubnet" })]), [
    "ipip release",
    "vxlan assign a",
  ]);
  assert.deepEqual(needsOf([pool("a", "10.0.0.0/16", { ...never, ipipMode: "Always" })]), [
    "ipip assign a",
    "vxlan release",
  ]);
  assert.deepEqual(needsOf([pool("a", "10.0.0.0/16", never)]), ["ipip release", "vxlan release"]);
  assert.deepEqual(needsOf([pool("a", "fd00::/48", {})]), ["ipip release", "vxlan release"]);
  assert.deepEqual(needsOf([pool("a", "10.0.0.0/16", { nodeSelector: "rack == 'b'" })])[1], "vxlan release");
  assert.deepEqual(needsOf([pool("a", "10.0.0.0/16", { allowedUses: ["Workload"] })])[1], "vxlan release");
});

test("a pool that was disabled or selects the node no more keeps the address that it gave, and gives none", () => {
  for (const spec of [{ disabled: true }, { nodeSelector: "rack == 'b'" }, { allowedUses: ["Workload"] }]) {
    const left = pool("a", "10.0.0.0/16", spec);
    assert.equal(needsOf([left])[1], "vxlan release");
    assert.equal(needsOf([left], node({ vxlan: parseAddress("10.0.7.1") }))[1], "vxlan keep a");
    assert.equal(needsOf([left], node({ vxlan: parseAddress("10.1.7.1") }))[1], "vxlan release");
    const other = pool("b", "10.2.0.0/16", {});
    assert.equal(needsOf([left, other], node({ vxlan: parseAddress("10.0.7.1") }))[1], "vxlan assign b");
  }
});

async function cluster(...objects: ReturnType<typeof nodeObject>[]) {
  const store = new MemoryStore();
  for (const { key, value } of objects) await store.write([{ op: "create", key, value }]);
  const log = new SilentLog();
  const ipam = new Ipam({ store, wallClock: new FakeClock().wall, log });
  const stillReceived = new Set<string>();
  const deps = { store, ipam, matches, receives: (kind: string) => stillReceived.has(kind), log };
  const spec = async () => (await store.get({ kind: "Node", name: "worker-1" }))!.value["spec"] as JsonObject;
  return { store, deps, spec, stillReceived, run: () => reconcileTunnelAddresses(deps, "worker-1") };
}

test("with real address management the VXLAN address is the first of the node's block, and goes with the pool's mode", async () => {
  const never = poolObject("default", "192.168.0.0/16", { vxlanMode: "Never" });
  const { store, spec, stillReceived, run } = await cluster(
    nodeObject("worker-1", "10.30.0.206/24"),
    poolObject("default", "192.168.0.0/16"),
  );
  const { addresses, problems } = await run();
  assert.deepEqual(problems, []);
  assert.equal(formatAddress(addresses.vxlan!), "192.168.226.64");
  assert.equal((await spec())["ipv4VXLANTunnelAddr"], "192.168.226.64");
  const revision = (await store.get({ kind: "Node", name: "worker-1" }))!.revision;
  await run();
  assert.equal((await store.get({ kind: "Node", name: "worker-1" }))!.revision, revision);
  await store.write([{ op: "put", key: never.key, value: never.value }]);
  stillReceived.add("vxlan");
  await run();
  assert.equal((await spec())["ipv4VXLANTunnelAddr"], "192.168.226.64", "others may still send by it");
  stillReceived.clear();
  assert.deepEqual((await run()).addresses, {});
  assert.deepEqual(await spec(), { bgp: { ipv4Address: "10.30.0.206/24" } });
});

test("disabling the pool leaves the address alone", async () => {
  const { store, spec, run } = await cluster(
    nodeObject("worker-1", "10.30.0.206/24"),
    poolObject("default", "192.168.0.0/16"),
  );
  await run();
  const disabled = poolObject("default", "192.168.0.0/16", { disabled: true });
  await store.write([{ op: "put", key: disabled.key, value: disabled.value }]);
  await run();
  assert.equal((await spec())["ipv4VXLANTunnelAddr"], "192.168.226.64");
});

test("a tunnel's address stays while a pool cannot be read, which is told", async () => {
  const pool = poolObject("default", "192.168.0.0/16");
  const { store, spec, run } = await cluster(nodeObject("worker-1", "10.30.0.206/24"), pool);
  await run();
  store.spoil(pool.key);
  const other = poolObject("other", "10.9.0.0/16");
  for (const also of [undefined, other]) {
    if (also) await store.write([{ op: "create", key: also.key, value: also.value }]);
    const { problems } = await run();
    assert.match(problems.join(), /default cannot be read/);
    assert.equal((await spec())["ipv4VXLANTunnelAddr"], "192.168.226.64");
  }
});

test("what address management refuses is a problem of that tunnel alone", async () => {
  const ipip = poolObject("b", "10.9.0.0/16", { vxlanMode: "Never", ipipMode: "Always" });
  const { deps, spec } = await cluster(
    nodeObject("worker-1", "10.30.0.206/24"),
    poolObject("a", "192.168.0.0/16"),
    ipip,
  );
  const ensureTunnelAddress = async ({ kind }: { kind: string }): Promise<IpAddress> => {
    if (kind === "vxlan") throw new IpamError("exhausted", "no address is free", { subject: "worker-1" });
    return parseAddress("10.9.0.1");
  };
  const outcome = await reconcileTunnelAddresses({ ...deps, ipam: { ensureTunnelAddress } }, "worker-1");
  assert.deepEqual(outcome.problems, ["no address is free"]);
  assert.deepEqual((await spec())["bgp"], { ipv4Address: "10.30.0.206/24", ipv4IPIPTunnelAddr: "10.9.0.1" });
});

test("a node that is not registered has no tunnel addresses yet", async () => {
  const { run } = await cluster();
  assert.deepEqual(await run(), { addresses: {}, problems: ["Node(worker-1) does not exist yet"] });
});
