import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import type { JsonObject } from "../base/json.ts";
import { formatAddress, parseAddress } from "../ip/address.ts";
import { formatPrefix, parsePrefix } from "../ip/prefix.ts";
import type { Stored } from "../port/store.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { MemoryStore } from "../testing/memory-store.ts";
import { nodeObject, poolObject, stored } from "../testing/objects.ts";
import { SilentLog } from "../testing/silent-log.ts";
import { readBlock } from "./block-codec.ts";
import { type AssignRequest, Ipam } from "./ipam.ts";

let store: MemoryStore;
let clock: FakeClock;
let ipam: Ipam;

beforeEach(() => {
  store = new MemoryStore();
  clock = new FakeClock();
  ipam = new Ipam({ store, wallClock: clock.wall, log: new SilentLog() });
});

const put = async (...objects: readonly Stored[]): Promise<void> => {
  for (const { key, value } of objects) await store.write([{ op: "put", key, value }]);
};

const settings = (value: JsonObject): Promise<void> => put(stored("IPAMConfig", "default", value));

const request = (handleId: string, more: Partial<AssignRequest> = {}): AssignRequest => ({
  family: 4,
  node: "worker-1",
  use: "Workload",
  handleId,
  attributes: { node: more.node ?? "worker-1" },
  count: 1,
  ...more,
});

/** Addresses without mask. */
const assign = async (handleId: string, more: Partial<AssignRequest> = {}): Promise<readonly string[]> =>
  (await ipam.autoAssign(request(handleId, more))).addresses.map(({ address }) => formatAddress(address));

const blocks = async (): Promise<readonly string[]> =>
  (await store.list({ kind: "IPAMBlock" })).objects.map(({ key, value }) => `${key.name} ${String(value["affinity"])}`);

const labelled = (name: string, labels: JsonObject): Stored => {
  const node = nodeObject(name, "10.0.0.1/24");
  return { ...node, value: { ...node.value, metadata: { name, labels } } };
};

test("the tunnel's address is the first of the founding document's block, pods follow in order of arrival", async () => {
  await put(poolObject("default-ipv4-ippool", "192.168.0.0/16"));
  const tunnel = await ipam.ensureTunnelAddress({ node: "worker-2", kind: "vxlan" });
  assert.equal(tunnel, parseAddress("192.168.133.192"));
  const result = await ipam.autoAssign(request("k8s-pod-network.c1", { node: "worker-2", count: 2 }));
  assert.deepEqual(result.addresses.map(formatPrefix), ["192.168.133.193/26", "192.168.133.194/26"]);
  assert.deepEqual(await blocks(), ["192.168.133.192/26 host:worker-2"]);
  const affinity = await store.get({ kind: "BlockAffinity", name: "host/worker-2/192.168.133.192/26" });
  assert.deepEqual(affinity?.value, { state: "confirmed" });
  const handle = await store.get({ kind: "IPAMHandle", name: "vxlan-tunnel-addr-worker-2" });
  assert.deepEqual(handle?.value, { deleted: false, block: { "192.168.133.192/26": 1 } });
});

test("a tunnel's address stays, moves with its pool, and goes with the last pool that needs it", async () => {
  await put(poolObject("p", "10.1.0.0/24"));
  const tunnel = (kind: "vxlan" | "ipip") => ipam.ensureTunnelAddress({ node: "worker-1", kind });
  const first = await tunnel("vxlan");
  assert.equal(await tunnel("vxlan"), first);
  assert.equal(await tunnel("ipip"), undefined);
  await put(
    poolObject("p", "10.1.0.0/24", { disabled: true }),
    poolObject("q", "10.2.0.0/24", { vxlanMode: "CrossSubnet" }),
  );
  const second = await tunnel("vxlan");
  assert.ok(second !== undefined && formatAddress(second).startsWith("10.2.0."));
  await put(poolObject("q", "10.2.0.0/24", { vxlanMode: "Never" }));
  assert.equal(await tunnel("vxlan"), undefined);
  assert.deepEqual((await store.list({ kind: "IPAMHandle" })).objects, []);
});

test("a tunnel's address that the records have lost is taken again, unless it is somebody else's by now", async () => {
  await put(poolObject("p", "10.1.0.0/24"));
  const current = parseAddress("10.1.0.77");
  assert.equal(await ipam.ensureTunnelAddress({ node: "worker-1", kind: "vxlan", current }), current);
  const other = await ipam.ensureTunnelAddress({ node: "worker-2", kind: "vxlan", current });
  assert.ok(other !== undefined && other !== current);
});

test("addresses come from the next pool when the first is full, and a shortfall says why", async () => {
  await put(poolObject("a", "10.1.0.0/30", { blockSize: 30 }), poolObject("b", "10.2.0.0/30", { blockSize: 30 }));
  assert.equal((await assign("h", { count: 5 })).filter((address) => address.startsWith("10.2.")).length, 1);
  const { addresses, shortfall } = await ipam.autoAssign(request("h", { count: 4 }));
  assert.equal(addresses.length, 3);
  assert.equal(shortfall?.code, "exhausted");
  assert.match(shortfall.message, /no free address in a \(10.1.0.0\/30\), b \(10.2.0.0\/30\)/);
});

test("pools that are asked for are used whatever they select, in the order given, or refused by name", async () => {
  await put(
    poolObject("a", "10.1.0.0/24"),
    poolObject("b", "10.2.0.0/24", { nodeSelector: "has(never)", assignmentMode: "Manual" }),
    poolObject("off", "10.3.0.0/24", { disabled: true }),
  );
  assert.match((await assign("h", { pools: ["b", "10.1.0.0/24"] }))[0] ?? "", /^10\.2\./);
  await assert.rejects(assign("h", { pools: ["off"] }), {
    code: "poolNotEnabled",
    message: /the given pool \(off\) does not exist, or is not enabled: IPPool off is disabled/,
  });
  await assert.rejects(assign("h", { pools: ["10.9.0.0/16"] }), { message: /no IPPool has that CIDR or name/ });
});

test("selectors, assignment mode, uses and state decide which pools a node may use", async () => {
  await put(
    labelled("worker-1", { rack: "r1" }),
    poolObject("a", "10.1.0.0/24", { nodeSelector: "rack == 'r2'" }),
    poolObject("b", "10.2.0.0/24", { assignmentMode: "Manual" }),
    poolObject("c", "10.3.0.0/24", { allowedUses: ["Tunnel"] }),
    poolObject("d", "10.4.0.0/24", { nodeSelector: "rack == 'r1'", namespaceSelector: "team == 'x'" }),
  );
  await assert.rejects(assign("h"), {
    code: "noQualifiedPool",
    message: /no pools match the required use \(Workload\); add it to allowedUses of c/,
  });
  assert.match((await assign("h", { namespaceLabels: { team: "x" } }))[0] ?? "", /^10\.4\./);
  await assert.rejects(assign("h", { family: 6 }), {
    code: "noPools",
    message: /no configured Calico pools for node worker-1/,
  });
});

test("the limit of blocks is an error even where borrowing would do, and counts only the pools in question", async () => {
  await put(poolObject("a", "10.1.0.0/28", { blockSize: 30 }));
  await settings({ strict_affinity: false, auto_allocate_blocks: true, maxBlocksPerHost: 2 });
  await assign("other", { node: "worker-2", count: 1 });
  const { addresses, shortfall } = await ipam.autoAssign(request("h", { count: 9 }));
  assert.equal(addresses.length, 8);
  assert.equal(shortfall?.code, "blockLimit");
  assert.match(shortfall.message, /cannot allocate new block due to per host block limit: worker-1 has 2 blocks/);
  await put(poolObject("b", "10.2.0.0/28", { blockSize: 30 }));
  assert.equal((await assign("i", { pools: ["b"] })).length, 1);
});

test("when no block is free addresses are borrowed, unless affinity is strict", async () => {
  await put(poolObject("a", "10.1.0.0/29", { blockSize: 30 }));
  await assign("x", { node: "worker-2", count: 1 });
  await assign("y", { node: "worker-3", count: 1 });
  await settings({ strict_affinity: true });
  assert.match((await ipam.autoAssign(request("h"))).shortfall?.message ?? "", /strictAffinity is true/);
  await settings({});
  const [address] = await assign("h");
  assert.ok(address);
  for (const { value } of (await store.list({ kind: "IPAMBlock" })).objects) {
    assert.notEqual(readBlock(value).affinity, "host:worker-1");
  }
  assert.equal(await ipam.releaseByHandle("h"), 1);
});

test("a block that another node left empty for a minute is taken over, not before", async () => {
  await put(poolObject("a", "10.1.0.0/30", { blockSize: 30 }));
  await assign("x", { node: "worker-2" });
  await ipam.releaseByHandle("x");
  assert.deepEqual(await blocks(), ["10.1.0.0/30 host:worker-2"]);
  await clock.advance(59_000);
  await assign("y");
  assert.deepEqual(await blocks(), ["10.1.0.0/30 host:worker-2"]);
  await ipam.releaseByHandle("y");
  await clock.advance(1_000);
  await assign("z");
  assert.deepEqual(await blocks(), ["10.1.0.0/30 host:worker-1"]);
});

test("reserved addresses are never given automatically, and by name they are", async () => {
  await put(
    poolObject("a", "10.1.0.0/29", { blockSize: 29 }),
    stored("IPReservation", "r", { spec: { reservedCIDRs: ["10.1.0.0/30", "10.1.0.5"] } }),
  );
  assert.deepEqual([...(await assign("h", { count: 8 }))].sort(), ["10.1.0.4", "10.1.0.6", "10.1.0.7"]);
  const address = parseAddress("10.1.0.5");
  await ipam.assignIp({ node: "worker-1", address, handleId: "named", attributes: {}, use: "Workload" });
});

test("an address by name is refused with the reason", async () => {
  await put(poolObject("a", "10.1.0.0/24"), poolObject("off", "10.2.0.0/24", { disabled: true }));
  const take = (address: string, node = "worker-1") =>
    ipam.assignIp({ node, address: parseAddress(address), handleId: "h", attributes: {}, use: "Workload" });
  await take("10.1.0.9");
  await assert.rejects(take("10.1.0.9"), { code: "alreadyAssigned", message: /Address already assigned in block/ });
  await assert.rejects(take("10.9.0.9"), { code: "notInPool", message: /is in no IPPool; there are: a 10.1.0.0\/24/ });
  await assert.rejects(take("10.2.0.9"), { code: "poolNotEnabled" });
  await settings({ strict_affinity: true });
  await assert.rejects(take("10.1.0.10", "worker-2"), {
    code: "notAffine",
    message: /block 10.1.0.0\/26 of host:worker-1/,
  });
  await settings({ auto_allocate_blocks: false });
  await assert.rejects(take("10.1.0.200"), { code: "notAffine", message: /autoAllocateBlocks is false/ });
});

test("releases out of date change nothing, releases of free addresses are told apart", async () => {
  await put(poolObject("a", "10.1.0.0/26"));
  const [first = ""] = await assign("h");
  const address = parseAddress(first);
  await assert.rejects(ipam.releaseIps([{ address, sequenceNumber: 1n }]), { code: "badSequenceNumber" });
  await assert.rejects(ipam.releaseIps([{ address, handleId: "other" }]), { code: "badHandle" });
  const free = parseAddress("10.1.0.63");
  assert.deepEqual(await ipam.releaseIps([{ address: free }, { address, handleId: "h" }]), [free]);
  assert.equal(await ipam.releaseByHandle("h"), undefined);
});

test("an empty block stays with its node, goes when its pool no longer selects the node", async () => {
  await put(labelled("worker-1", {}), poolObject("a", "10.1.0.0/26"));
  await assign("h");
  await ipam.releaseByHandle("h");
  assert.equal((await blocks()).length, 1);
  await assign("h");
  await put(poolObject("a", "10.1.0.0/26", { nodeSelector: "has(other)" }));
  await ipam.releaseByHandle("h");
  assert.deepEqual(await blocks(), []);
  assert.deepEqual((await store.list({ kind: "BlockAffinity" })).objects, []);
});

test("an empty block in a pool that no longer selects the node is given back at the next assignment", async () => {
  await put(labelled("worker-1", {}), poolObject("a", "10.1.0.0/26"), poolObject("b", "10.2.0.0/26"));
  await assign("h", { pools: ["a"] });
  await ipam.releaseByHandle("h");
  await put(poolObject("a", "10.1.0.0/26", { nodeSelector: "has(other)" }));
  assert.match((await assign("h"))[0] ?? "", /^10\.2\./);
  assert.deepEqual(await blocks(), ["10.2.0.0/26 host:worker-1"]);
});

test("a block of a node given up with addresses in it is nobody's, and deleted with its last address", async () => {
  await put(poolObject("a", "10.1.0.0/26"));
  await assign("h");
  assert.equal(await ipam.releaseAffinity("worker-1", parsePrefix("10.1.0.0/26"), { requireEmpty: true }), "refused");
  assert.equal(await ipam.releaseAffinity("worker-1", parsePrefix("10.1.0.0/26")), "released");
  assert.deepEqual(await blocks(), ["10.1.0.0/26 null"]);
  await ipam.releaseByHandle("h");
  assert.deepEqual(await blocks(), []);
});

test("a hundred requests at once share a few writes", async () => {
  await put(poolObject("a", "10.1.0.0/24"));
  await assign("first");
  let writes = 0;
  store.beforeWrite = () => {
    writes++;
  };
  const many = await Promise.all(Array.from({ length: 100 }, (_, index) => assign(`h${index}`)));
  assert.equal(new Set(many.flat()).size, 100);
  assert.ok(writes <= 8, `${writes} writes`);
  writes = 0;
  await Promise.all(many.map((_, index) => ipam.releaseByHandle(`h${index}`)));
  assert.ok(writes <= 6, `${writes} writes`);
});

test("IPv6 pools are served in blocks of 64 addresses", async () => {
  await put(poolObject("six", "fd00:1::/48", { blockSize: 122, vxlanMode: "Never" }));
  const { addresses } = await ipam.autoAssign(request("h", { family: 6 }));
  assert.match(addresses.map(formatPrefix)[0] ?? "", /^fd00:1:0:.*\/122$/);
});

test("a damaged block is left alone and the next one is used", async () => {
  await put(
    poolObject("a", "10.1.0.0/29", { blockSize: 30 }),
    stored("IPAMBlock", "10.1.0.0/30", { cidr: "10.1.0.0/30" }),
  );
  assert.match((await assign("h"))[0] ?? "", /^10\.1\.0\.[4-7]$/);
});

test("blocks that cannot be read are there and full: the node's own one and a foreign one are left alone", async () => {
  await put(poolObject("a", "10.1.0.0/28", { blockSize: 30 }));
  const [first = ""] = await assign("h");
  const own = (await store.list({ kind: "IPAMBlock" })).objects.map(({ key }) => key);
  for (const key of [...own, { kind: "IPAMBlock", name: "10.1.0.12/30" }]) store.spoil(key);
  const others = await assign("h", { count: 8 });
  assert.equal(new Set(others).size, 8);
  assert.ok(!others.some((address) => address.startsWith("10.1.0.12") || address === first));
  assert.equal((await store.list({ kind: "IPAMBlock" })).unreadable.length, 2);
});

test("nothing is given while a reservation cannot be read, and the refusal names it", async () => {
  await put(poolObject("a", "10.1.0.0/28", { blockSize: 30 }));
  store.spoil({ kind: "IPReservation", name: "kept-back" });
  await assert.rejects(assign("h"), { code: "malformed", message: /kept-back/ });
});
