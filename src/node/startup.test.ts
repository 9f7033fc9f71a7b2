import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../base/json.ts";
import { parseAddress } from "../ip/address.ts";
import { formatPrefix, parseInterfaceAddress } from "../ip/prefix.ts";
import type { HostFiles, HostInterface } from "../port/host-facts.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { MemoryStore } from "../testing/memory-store.ts";
import { poolObject, nodeObject as storedNode } from "../testing/objects.ts";
import { SilentLog } from "../testing/silent-log.ts";
import { parseEnvironment } from "./environment.ts";
import { NodeStartError } from "./errors.ts";
import { NodeStartup, type NodeStartupDeps } from "./startup.ts";

const nic = (index: number, name: string, ...addresses: string[]): HostInterface => ({
  index,
  name,
  isUp: true,
  isOperUp: true,
  mtu: 1500,
  mac: "",
  addresses: addresses.map(parseInterfaceAddress),
});

const memoryFiles = (name?: string): HostFiles & { name: string | undefined } => ({
  name,
  readNodeName() {
    return this.name;
  },
  writeNodeName(next) {
    this.name = next;
  },
  writeMtu: () => {},
  readFelixFile: () => undefined,
  readSecret: () => undefined,
});

function startup(
  variables: Record<string, string> = {},
  {
    store = new MemoryStore(),
    interfaces = [nic(1, "lo", "127.0.0.1/8"), nic(2, "ens5", "10.30.0.206/24")],
    ...rest
  }: Partial<Omit<NodeStartupDeps, "store">> & { store?: MemoryStore; interfaces?: HostInterface[] } = {},
) {
  const clock = new FakeClock();
  const log = new SilentLog();
  const hostFiles = memoryFiles();
  let uids = 0;
  const host = { interfaces };
  const node = new NodeStartup({
    environment: parseEnvironment({ NODENAME: "worker-1", CALICO_NETWORKING_BACKEND: "vxlan", ...variables }),
    store,
    hostFacts: { hostname: () => "Host-1", interfaces: async () => host.interfaces },
    hostFiles,
    reachability: {
      sourceTowards: async () => {
        throw new Error("unexpected");
      },
    },
    clock,
    wallClock: clock.wall,
    log,
    newUid: () => `0000-${++uids}`,
    version: "v3.32.1",
    ...rest,
  });
  return { node, store, clock, log, hostFiles, host };
}

const objectAt = async (store: MemoryStore, kind: string, name: string): Promise<JsonObject | undefined> =>
  (await store.get({ kind, name }))?.value;
const specOf = async (store: MemoryStore, kind: string, name: string) => (await objectAt(store, kind, name))?.["spec"];

const put = async (store: MemoryStore, ...objects: ReturnType<typeof storedNode>[]): Promise<void> => {
  for (const { key, value } of objects) assert.ok((await store.write([{ op: "create", key, value }])).ok);
};

test("the first node of a cluster registers itself and makes what a cluster needs", async () => {
  const { node, store, hostFiles } = startup({ CALICO_IPV4POOL_VXLAN: "Always", CLUSTER_TYPE: "k8s" });
  const started = await node.run();
  const { ipv4 } = started.addresses;
  assert.equal(formatPrefix(ipv4!.advertised), "10.30.0.206/24");
  assert.equal(ipv4!.local?.device, "ens5");
  assert.equal(hostFiles.name, "worker-1");
  assert.deepEqual(await objectAt(store, "Node", "worker-1"), {
    kind: "Node",
    apiVersion: "projectcalico.org/v3",
    metadata: { name: "worker-1", uid: "0000-3", creationTimestamp: "2026-01-01T00:00:00Z" },
    spec: {
      bgp: { ipv4Address: "10.30.0.206/24" },
      addresses: [{ address: "10.30.0.206/24", type: "CalicoNodeIP" }],
      interfaces: [{ name: "ens5", addresses: ["10.30.0.206"] }],
    },
  });
  assert.deepEqual(await specOf(store, "IPPool", "default-ipv4-ippool"), {
    cidr: "192.168.0.0/16",
    vxlanMode: "Always",
    ipipMode: "Never",
    natOutgoing: true,
    nodeSelector: "all()",
    blockSize: 26,
    allowedUses: ["Workload", "Tunnel"],
    assignmentMode: "Automatic",
  });
  assert.deepEqual(await specOf(store, "ClusterInformation", "default"), {
    clusterGUID: started.clusterGuid,
    clusterType: "k8s",
    calicoVersion: "v3.32.1",
    datastoreReady: true,
  });
  assert.match(started.clusterGuid, /^[0-9a-f]+$/);
  assert.deepEqual(await specOf(store, "FelixConfiguration", "default"), {
    reportingInterval: "0s",
    logSeverityScreen: "Info",
  });
  assert.deepEqual(await specOf(store, "FelixConfiguration", "node.worker-1"), {
    defaultEndpointToHostAction: "Return",
  });
  assert.deepEqual(await specOf(store, "BGPConfiguration", "default"), {});
  assert.equal((await objectAt(store, "IPAMConfig", "default"))?.["auto_allocate_blocks"], true);
  assert.deepEqual(await specOf(store, "Tier", "default"), { order: 1_000_000, defaultAction: "Deny" });
  assert.deepEqual(await specOf(store, "Tier", "kube-admin"), { order: 1_000, defaultAction: "Pass" });
  assert.deepEqual(await specOf(store, "Tier", "kube-baseline"), { order: 10_000_000, defaultAction: "Pass" });
});

test("a second start writes nothing", async () => {
  const { node, store } = startup();
  await node.run();
  const writes: unknown[] = [];
  store.beforeWrite = (ops) => void writes.push(ops);
  await node.run();
  await node.redetectAddress();
  // The default pool is there, so not even its creation is tried.
  assert.deepEqual(writes, []);
});

test("fifty nodes that start at once agree on one cluster", async () => {
  const store = new MemoryStore();
  const nodes = Array.from({ length: 50 }, (_, index) => {
    const name = `worker-${index}`;
    const interfaces = [nic(2, "ens5", `10.30.0.${index + 1}/24`)];
    return startup({ NODENAME: name, CLUSTER_TYPE: `k8s,type${index % 3}` }, { store, interfaces }).node.run();
  });
  const started = await Promise.all(nodes);
  assert.equal(new Set(started.map(({ clusterGuid }) => clusterGuid)).size, 1);
  const cluster = (await specOf(store, "ClusterInformation", "default")) as { clusterType: string };
  assert.deepEqual(cluster.clusterType.split(",").sort(), ["k8s", "type0", "type1", "type2"]);
  assert.equal((await store.list({ kind: "Node" })).objects.length, 50);
  assert.equal((await store.list({ kind: "IPPool" })).objects.length, 1);
});

test("a node whose address stays does not list the others", async () => {
  const { node, store } = startup();
  await node.run();
  const listed: string[] = [];
  const list = store.list.bind(store);
  store.list = (query) => {
    listed.push(query.kind);
    return list(query);
  };
  await node.run();
  assert.deepEqual(listed, ["IPPool"]);
});

test("two starts of one node at once do not take each other for a second node", async () => {
  const { node, store } = startup();
  await node.run();
  const get = store.get.bind(store);
  let isStale = true;
  // As it looked to the start that asked just before the other one wrote.
  store.get = async (key) => {
    if (key.kind !== "Node" || !isStale) return get(key);
    isStale = false;
    return undefined;
  };
  await node.run();
  assert.equal(isStale, false);
  assert.equal((await store.list({ kind: "Node" })).objects.length, 1);
});

test("fields of others in the Node and in the configurations survive", async () => {
  const store = new MemoryStore();
  const stored = storedNode("worker-1", "10.9.9.9/24", "192.168.5.1");
  const spec = { ...(stored.value["spec"] as JsonObject), orchRefs: [{ nodeName: "w1", orchestrator: "k8s" }] };
  const addresses = [
    { address: "10.9.9.9/24", type: "CalicoNodeIP" },
    { address: "1.2.3.4", type: "ExternalIP" },
  ];
  const felix = {
    kind: "FelixConfiguration",
    spec: { logSeverityScreen: "Debug", someday: 18_446_744_073_709_551_615n },
  };
  await put(store, { ...stored, value: { ...stored.value, spec: { ...spec, addresses } } });
  await put(store, { key: { kind: "FelixConfiguration", name: "default" }, value: felix, revision: "" });
  await startup({ IP: "autodetect" }, { store }).node.run();
  const node = (await specOf(store, "Node", "worker-1")) as JsonObject;
  assert.deepEqual(node["bgp"], { ipv4Address: "10.30.0.206/24" });
  assert.equal(node["ipv4VXLANTunnelAddr"], "192.168.5.1");
  assert.deepEqual(node["orchRefs"], [{ nodeName: "w1", orchestrator: "k8s" }]);
  assert.deepEqual(node["addresses"], [{ address: "10.30.0.206/24", type: "CalicoNodeIP" }, addresses[1]]);
  assert.deepEqual(await specOf(store, "FelixConfiguration", "default"), { reportingInterval: "0s", ...felix.spec });
});

test("no pool is made where one of the family is, or where none is wanted", async () => {
  const store = new MemoryStore();
  await put(store, poolObject("mine", "10.0.0.0/16"));
  await startup({}, { store }).node.run();
  const other = startup({ NO_DEFAULT_POOLS: "true" });
  await other.node.run();
  const third = startup({ CALICO_IPV4POOL_CIDR: "none" });
  await third.node.run();
  const countOf = async (some: MemoryStore) => (await some.list({ kind: "IPPool" })).objects.length;
  assert.deepEqual([await countOf(store), await countOf(other.store), await countOf(third.store)], [1, 0, 0]);
});

test("objects of others and of the cluster that cannot be read keep no node from its start, and are left as they are", async () => {
  const store = new MemoryStore();
  const keys = [
    { kind: "Node", name: "broken" },
    { kind: "IPPool", name: "broken" },
    { kind: "ClusterInformation", name: "default" },
    { kind: "FelixConfiguration", name: "default" },
  ];
  for (const key of keys) store.spoil(key);
  const { node, log } = startup({}, { store });
  await node.run();
  assert.ok(await store.get({ kind: "Node", name: "worker-1" }));
  for (const { kind, name } of keys) {
    const { objects, unreadable } = await store.list({ kind, namePrefix: name });
    assert.deepEqual([objects.length, unreadable.length], [0, 1], kind);
  }
  assert.deepEqual((await store.list({ kind: "IPPool" })).objects, [], "it may be the pool of either family");
  assert.ok(log.lines.filter(({ level }) => level === "warn").length >= 4);
});

test("the default pool steps aside for the host's own addresses; an explicit one does not", async () => {
  const interfaces = [nic(2, "ens5", "192.168.10.28/24"), nic(3, "docker0", "172.16.0.1/16")];
  const cidrOf = async (variables: Record<string, string>) => {
    const { node, store } = startup(variables, { interfaces });
    await node.run();
    return ((await specOf(store, "IPPool", "default-ipv4-ippool")) as { cidr: string }).cidr;
  };
  assert.equal(await cidrOf({}), "172.17.0.0/16");
  assert.equal(await cidrOf({ CALICO_IPV4POOL_CIDR: "192.168.0.0/16" }), "192.168.0.0/16");
});

test("an IPv6 pool is made where its CIDR is given", async () => {
  const { node, store } = startup({ CALICO_IPV6POOL_CIDR: "fd00:10::/48" });
  await node.run();
  const spec = (await specOf(store, "IPPool", "default-ipv6-ippool")) as JsonObject;
  assert.deepEqual([spec["cidr"], spec["blockSize"], spec["natOutgoing"]], ["fd00:10::/48", 122, false]);
});

test("an address that another node has stops the start and names the node and the ways out", async () => {
  const store = new MemoryStore();
  await put(store, storedNode("worker-9", "10.30.0.206"));
  const { node } = startup({}, { store });
  await assert.rejects(node.run(), (failure) => {
    assert.ok(failure instanceof NodeStartError && failure.code === "addressTaken");
    assert.match(failure.message, /address 10\.30\.0\.206 of node worker-1 is node worker-9's already: set IP/);
    return true;
  });
  assert.equal(await store.get({ kind: "Node", name: "worker-1" }), undefined);
  await startup({ DISABLE_NODE_IP_CHECK: "true" }, { store }).node.run();
});

test("a node that detects a taken address gives up the one it had", async () => {
  const store = new MemoryStore();
  await put(store, storedNode("worker-9", "10.30.0.206/24"), storedNode("worker-1", "10.30.0.7/24", "192.168.5.1"));
  await assert.rejects(startup({ IP: "autodetect" }, { store }).node.run(), { code: "addressTaken" });
  assert.deepEqual(await specOf(store, "Node", "worker-1"), { ipv4VXLANTunnelAddr: "192.168.5.1" });
});

test("an unset IP keeps what the Node has; autodetect follows the host", async () => {
  const addressAfter = async (variables: Record<string, string>) => {
    const store = new MemoryStore();
    await put(store, storedNode("worker-1", "54.64.9.64"));
    const { addresses } = await startup(variables, { store }).node.run();
    return [formatPrefix(addresses.ipv4!.advertised), addresses.ipv4!.local?.device];
  };
  assert.deepEqual(await addressAfter({}), ["54.64.9.64/32", "ens5"]);
  assert.deepEqual(await addressAfter({ IP: "none" }), ["54.64.9.64/32", "ens5"]);
  assert.deepEqual(await addressAfter({ IP: "autodetect" }), ["10.30.0.206/24", "ens5"]);
});

test("an explicit address takes its prefix length from its interface; on none it counts as translated", async () => {
  const addressesOf = async (IP: string) => (await startup({ IP }).node.run()).addresses.ipv4!;
  const own = await addressesOf("10.30.0.206");
  assert.deepEqual([formatPrefix(own.advertised), own.local?.device], ["10.30.0.206/24", "ens5"]);
  assert.equal(formatPrefix((await addressesOf("10.30.0.206/16")).advertised), "10.30.0.206/16");
  const translated = await addressesOf("54.64.9.64");
  assert.deepEqual(
    [formatPrefix(translated.advertised), formatPrefix(translated.local!)],
    ["54.64.9.64/32", "10.30.0.206/24"],
  );
  assert.match(
    translated.explanation.join("\n"),
    /54\.64\.9\.64 is on no interface of this host, so it counts as translated 1:1/,
  );
});

test("can-reach asks the host, and says why it found nothing", async () => {
  const method = { IP_AUTODETECTION_METHOD: "can-reach=store.example" };
  const reachability = { sourceTowards: async () => parseAddress("10.30.0.206") };
  const { addresses } = await startup(method, { reachability }).node.run();
  assert.equal(formatPrefix(addresses.ipv4!.advertised), "10.30.0.206/24");
  await assert.rejects(startup(method).node.run(), /store\.example cannot be reached over IPv4: unexpected/);
});

test("without any address the start says what it looked at", async () => {
  const interfaces = [nic(1, "lo", "127.0.0.1/8"), nic(2, "docker0", "172.17.0.1/16")];
  await assert.rejects(startup({}, { interfaces }).node.run(), (failure) => {
    assert.ok(failure instanceof NodeStartError && failure.code === "noAddress");
    assert.match(failure.message, /set IP to an address, or IP_AUTODETECTION_METHOD to another method/);
    assert.match(failure.message, /docker0: not taken, its name matches \^docker\.\*/);
    return true;
  });
  await assert.rejects(startup({ IP: "none" }, { interfaces }).node.run(), { code: "noAddress" });
  const none = await startup({ CALICO_NETWORKING_BACKEND: "none" }, { interfaces }).node.run();
  assert.equal(none.addresses.ipv4, undefined);
});

test("the name comes from NODENAME, the file, HOSTNAME, the host, in this order", () => {
  const named = (variables: Record<string, string>, file?: string) =>
    startup({ NODENAME: "", ...variables }, { hostFiles: memoryFiles(file) }).node.name().name;
  assert.equal(named({ NODENAME: "a", HOSTNAME: "b" }, "c"), "a");
  assert.equal(named({ HOSTNAME: "b" }, "c"), "c");
  assert.equal(named({ HOSTNAME: "B" }), "b");
  assert.equal(named({}), "host-1");
});

test("WAIT_FOR_DATASTORE waits for the store; without it the first failure is told", async () => {
  const { node, store, clock, log } = startup({ WAIT_FOR_DATASTORE: "true" });
  store.isAway = true;
  let started: unknown;
  const run = node.run().then((result) => {
    started = result;
  });
  await clock.advance(5_000);
  assert.equal(started, undefined);
  store.isAway = false;
  await clock.advance(1_000);
  await run;
  assert.notEqual(started, undefined);
  assert.equal(log.lines.filter(({ level }) => level === "warn").length, 1);
  const impatient = startup();
  impatient.store.isAway = true;
  await assert.rejects(impatient.node.run(), { code: "unavailable" });
});

test("waiting for the store ends with the signal", async () => {
  const { node, store, clock } = startup({ WAIT_FOR_DATASTORE: "true" });
  store.isAway = true;
  const abort = new AbortController();
  const run = assert.rejects(node.run(abort.signal), { code: "unavailable" });
  await clock.advance(1_500);
  abort.abort();
  await clock.advance(1_000);
  await run;
});

test("a changed address is found again and written", async () => {
  const { node, store, host } = startup({ IP: "autodetect" });
  await node.run();
  host.interfaces = [nic(2, "ens5", "10.30.0.99/24")];
  const { addresses } = await node.redetectAddress();
  assert.equal(formatPrefix(addresses.ipv4!.advertised), "10.30.0.99/24");
  assert.deepEqual(((await specOf(store, "Node", "worker-1")) as JsonObject)["bgp"], { ipv4Address: "10.30.0.99/24" });
  host.interfaces = [];
  const kept = await node.redetectAddress();
  assert.equal(formatPrefix(kept.addresses.ipv4!.advertised), "10.30.0.99/24");
  assert.equal(kept.addresses.ipv4!.local, undefined);
});

test("an AS number of the environment is written", async () => {
  const { node, store } = startup({ AS: "64513" });
  await node.run();
  assert.deepEqual(((await specOf(store, "Node", "worker-1")) as JsonObject)["bgp"], {
    ipv4Address: "10.30.0.206/24",
    asNumber: 64_513,
  });
});

test("with backend bird and the manifest's variables: an IP-in-IP pool, the node's AS, what BGP is told", async () => {
  const { node, store } = startup({
    CALICO_NETWORKING_BACKEND: "bird",
    CALICO_IPV4POOL_IPIP: "Always",
    CLUSTER_TYPE: "k8s,bgp",
    AS: "65001",
  });
  await node.run();
  const pool = (await specOf(store, "IPPool", "default-ipv4-ippool")) as JsonObject;
  assert.deepEqual([pool["ipipMode"], pool["vxlanMode"]], ["Always", "Never"]);
  const cluster = (await specOf(store, "ClusterInformation", "default")) as JsonObject;
  assert.equal(cluster["clusterType"], "k8s,bgp");
  assert.deepEqual(((await specOf(store, "Node", "worker-1")) as JsonObject)["bgp"], {
    ipv4Address: "10.30.0.206/24",
    asNumber: 65_001,
  });
  assert.deepEqual(await specOf(store, "BGPConfiguration", "default"), {});
});
