import assert from "node:assert/strict";
import { test } from "node:test";
import type { RouteItem } from "../compile/node-state.ts";
import { agentHost, cluster, local, put } from "../testing/agent-host.ts";
import { blockObject, endpointObject, nodeObject, poolObject } from "../testing/objects.ts";

const ALL = ["192.168.133.192/26", "192.168.226.64/26", "192.168.226.65/32"];

test("nothing is written before every kind has listed once", async () => {
  const store = await cluster();
  store.isAway = true;
  const { start, clock, routes, drivers } = agentHost(store);
  drivers.routes.kernel.set("254 10.0.0.0/8 0", {
    table: 254,
    destination: "10.0.0.0/8",
    type: "blackhole",
    protocol: 80,
    scope: 0,
    metric: 0,
    nextHops: [],
  });
  const agent = start();
  await clock.advance(5_000);
  assert.deepEqual(routes(), ["10.0.0.0/8"]);
  assert.equal(agent.store.state, "away");
  store.isAway = false;
  await clock.advance(20_000);
  assert.deepEqual(routes(), ALL);
  await agent.close();
});

test("restarted while the store is away, the agent repairs from its disk and takes nothing away", async () => {
  const store = await cluster();
  const { start, clock, routes, drivers } = agentHost(store);
  const first = start();
  await clock.advance(5_000);
  assert.deepEqual(routes(), ALL);
  await first.close();
  store.isAway = true;
  drivers.routes.kernel.delete("254 192.168.133.192/26 0");
  drivers.fdb.kernel.clear();
  const newer = {
    ...drivers.routes.kernel.get("254 192.168.226.65/32 0"),
    destination: "192.168.226.99/32",
  } as RouteItem;
  drivers.routes.kernel.set("254 192.168.226.99/32 0", newer);
  const second = start();
  await clock.advance(5_000);
  assert.deepEqual(routes(), [...ALL, "192.168.226.99/32"].sort(), "what was applied after the file was written stays");
  assert.equal(drivers.fdb.kernel.size, 1);
  store.isAway = false;
  await store.write([{ op: "delete", key: { kind: "IPAMBlock", name: "192.168.133.192/26" } }]);
  await clock.advance(20_000);
  assert.deepEqual(routes(), ALL.slice(1), "a list that continues proves the absence");
  await second.close();
});

test("restarted while the store is away, IP-in-IP that the configuration wants is taken from the nodes that were known", async () => {
  const store = await cluster();
  const { start, clock, drivers } = agentHost(store);
  const facts = { ...local, ipip: { mtu: 1480, enabled: true } };
  const first = start({}, facts);
  await clock.advance(5_000);
  const tables = [...drivers.tables.kernel.values()];
  assert.deepEqual(tables[0]?.sets?.[0]?.elements, ["10.30.0.206", "10.30.0.56"]);
  await first.close();
  store.isAway = true;
  const second = start({}, facts);
  second.setLocal({ ...facts, rpFilter: "1" });
  await clock.advance(5_000);
  assert.deepEqual([...drivers.tables.kernel.values()], tables);
  await second.close();
});

test("restarted beside a node that cannot be read, IP-in-IP is taken from it as before", async () => {
  const store = await cluster();
  const { start, clock, drivers } = agentHost(store);
  const facts = { ...local, ipip: { mtu: 1480, enabled: true } };
  const first = start({}, facts);
  await clock.advance(5_000);
  await first.close();
  const nodes = () => [...drivers.tables.kernel.values()][0]?.sets?.[0]?.elements;
  store.spoil({ kind: "Node", name: "worker-2" });
  const second = start({}, facts);
  await clock.advance(5_000);
  assert.deepEqual(nodes(), ["10.30.0.206", "10.30.0.56"]);
  await put(store, nodeObject("worker-2", "10.30.0.57/24", "192.168.133.192"));
  await clock.advance(5_000);
  assert.deepEqual(nodes(), ["10.30.0.206", "10.30.0.57"]);
  await second.close();
});

test("a store that is empty, older or another proves nothing: what runs goes on, nothing new is opened", async () => {
  for (const fault of ["replace", "rollBack"] as const) {
    const store = await cluster();
    const { start, clock, routes, log } = agentHost(store);
    const first = start();
    await clock.advance(5_000);
    await first.close();
    if (fault === "replace") store.replace();
    else store.rollBack(1);
    await put(store, blockObject("192.168.1.0/26", "worker-2"));
    if (fault === "rollBack") store.rollBack(1);
    const second = start();
    await clock.advance(5_000);
    assert.deepEqual(routes(), ALL, fault);
    assert.equal(second.store.state, "refused");
    assert.match(log.lines.find(({ level }) => level === "error")?.message ?? "", /--accept-store/);
    await second.close();
  }
});

test("a store that goes away under a running agent changes nothing, and what was missed is caught up", async () => {
  const store = await cluster();
  const { start, clock, routes } = agentHost(store);
  const agent = start();
  await clock.advance(5_000);
  store.isAway = true;
  await clock.advance(60_000);
  assert.deepEqual(routes(), ALL);
  store.isAway = false;
  await put(store, blockObject("192.168.1.0/26", "worker-2"));
  await clock.advance(1_000);
  assert.deepEqual(routes(), ["192.168.1.0/26", ...ALL]);
  await agent.close();
});

test("an object that cannot be read keeps what it had when it runs, stays out when it is new, and is named", async () => {
  const store = await cluster();
  const { start, clock, routes, log } = agentHost(store);
  const agent = start();
  await clock.advance(5_000);
  await store.write([
    { op: "put", key: { kind: "IPAMBlock", name: "192.168.133.192/26" }, value: { cidr: "nonsense" } },
    { op: "put", key: { kind: "IPAMBlock", name: "192.168.1.0/26" }, value: { cidr: 7, affinity: "host:worker-2" } },
  ]);
  await clock.advance(1_000);
  assert.deepEqual(routes(), ALL);
  assert.deepEqual(agent.unreadable, [
    "IPAMBlock(192.168.133.192/26): field cidr is missing or cannot be read",
    "IPAMBlock(192.168.1.0/26): field cidr is missing or cannot be read",
  ]);
  const told = () => log.lines.flatMap(({ message, fields }) => (/field cannot be read/.test(message) ? [fields] : []));
  assert.deepEqual(
    told(),
    agent.unreadable.map((why) => ({ why })),
    "each is logged",
  );
  await put(store, { ...blockObject("192.168.1.0/26", "worker-2"), value: { cidr: 8 } });
  await clock.advance(1_000);
  assert.equal(told().length, 2, "once");
  await agent.close();
});

test("a value that is no JSON is named and left out when it is new, and kept as it was when it runs", async () => {
  const store = await cluster();
  const { start, clock, routes, log } = agentHost(store);
  const agent = start();
  await clock.advance(5_000);
  store.spoil({ kind: "Node", name: "worker-2" });
  store.spoil({ kind: "ClusterInformation", name: "default" });
  await clock.advance(1_000);
  assert.deepEqual(routes(), ALL, "what runs goes on");
  assert.deepEqual(
    agent.unreadable.map((why) => /cannot be read/.test(why) && why.split(" ")[3]),
    ["Node//worker-2", "ClusterInformation//default"],
  );
  assert.equal(agent.store.state, "inSync");
  assert.ok(!log.lines.some(({ message }) => /store is away/.test(message)), "the store was never away");
  store.compact();
  store.isAway = true;
  await clock.advance(100);
  await put(store.client(), blockObject("192.168.1.0/26", "worker-2"));
  store.compact();
  store.isAway = false;
  await clock.advance(1_000);
  assert.deepEqual(routes(), ["192.168.1.0/26", ...ALL], "a list that has it unreadable is no deletion");
  await put(store, nodeObject("worker-2", "10.30.0.56/24", "192.168.133.193"));
  await clock.advance(1_000);
  assert.equal(agent.unreadable.length, 1);
  await store.write([{ op: "delete", key: { kind: "ClusterInformation", name: "default" } }]);
  await clock.advance(1_000);
  assert.deepEqual(agent.unreadable, []);
  await agent.close();
});

test("an agent that starts beside an object that cannot be read is in sync, and names it", async () => {
  const store = await cluster();
  store.spoil({ kind: "Node", name: "broken" });
  store.spoil({ kind: "WorkloadEndpoint", namespace: "default", name: "broken" });
  const { start, clock, routes } = agentHost(store);
  const agent = start();
  await clock.advance(5_000);
  assert.equal(agent.store.state, "inSync");
  assert.deepEqual(routes(), ALL);
  assert.equal(agent.unreadable.length, 2);
  await agent.close();
});

test("an agent that starts beside an unreadable object holds what it last applied of it, nothing more", async () => {
  const store = await cluster();
  await put(store, blockObject("192.168.5.0/26", "worker-2"));
  const { start, clock, routes, drivers } = agentHost(store);
  const first = start();
  await clock.advance(5_000);
  await first.close();
  store.spoil({ kind: "Node", name: "worker-2" });
  // The second restart: what is held is kept on disk as what it was.
  for (const _ of ["once", "twice"]) {
    const again = start();
    await clock.advance(5_000);
    assert.deepEqual(routes(), [...ALL, "192.168.5.0/26"].sort());
    assert.equal(drivers.fdb.kernel.size, 1);
    await again.close();
  }
  const agent = start();
  await clock.advance(5_000);
  await put(store, blockObject("192.168.1.0/26", "worker-2"));
  await store.write([
    { op: "delete", key: { kind: "IPAMBlock", name: "192.168.133.192/26" } },
    { op: "delete", key: endpointObject("worker-1", "pod-1", "192.168.226.65", "cali123").key },
  ]);
  await clock.advance(5_000);
  assert.deepEqual(routes(), ["192.168.226.64/26", "192.168.5.0/26"], "what is new stays out, a deletion counts");
  await store.write([{ op: "delete", key: { kind: "Node", name: "worker-2" } }]);
  await clock.advance(5_000);
  assert.deepEqual([routes(), drivers.fdb.kernel.size], [["192.168.226.64/26"], 0]);
  await put(store, nodeObject("worker-2", "10.30.0.56/24", "192.168.133.192"));
  await clock.advance(5_000);
  assert.deepEqual(routes(), ["192.168.1.0/26", "192.168.226.64/26", "192.168.5.0/26"]);
  await agent.close();
});

test("a pool or the own Node that cannot be read at a start takes nothing away and changes nothing that runs", async () => {
  for (const key of [
    { kind: "IPPool", name: "default-ipv4-ippool" },
    { kind: "Node", name: "worker-1" },
  ]) {
    const store = await cluster();
    const { start, clock, drivers, stateFile } = agentHost(store);
    const first = start();
    await clock.advance(5_000);
    await first.close();
    const held = () => Object.entries(drivers).map(([kind, { kernel }]) => [kind, Object.fromEntries<unknown>(kernel)]);
    const before = held();
    const readable = await store.get(key);
    store.spoil(key);
    const second = start();
    await clock.advance(5_000);
    assert.deepEqual(held(), before, key.kind);
    assert.deepEqual(
      second.ownPrefixes().map(({ length }) => length),
      key.kind === "IPPool" ? [16] : [16, 16],
    );
    assert.match(stateFile.text ?? "", /"pools":\["192\.168\.0\.0\/16"\]/);
    await put(store, readable!);
    await clock.advance(5_000);
    assert.deepEqual(held(), before);
    await second.close();
  }
});

test("what changes nothing of this node starts no pass and writes no file", async () => {
  const store = await cluster();
  const { start, clock, stateFile, passes } = agentHost(store);
  const agent = start();
  await clock.advance(5_000);
  const before = [passes(), stateFile.replaced];
  for (let ordinal = 2; ordinal < 12; ordinal++) {
    await put(store, blockObject("192.168.133.192/26", "worker-2", { [ordinal]: { node: "worker-2" } }));
    await put(store, endpointObject("worker-2", `pod-${ordinal}`, `192.168.133.${192 + ordinal}`, `cali${ordinal}`));
    await put(store, nodeObject("worker-1", "10.30.0.206/24", "192.168.226.64"));
    agent.setLocal({ ...local });
    await clock.advance(5_000);
  }
  assert.deepEqual([passes(), stateFile.replaced], before);
  await put(store, blockObject("192.168.1.0/26", "worker-2"));
  await clock.advance(5_000);
  assert.ok(passes() > before[0]!);
  assert.equal(stateFile.replaced, before[1]! + 1);
  agent.dataplane.resync("periodic refresh");
  await clock.advance(5_000);
  assert.equal(stateFile.replaced, before[1]! + 1, "a look at the kernel that finds all as it shall be writes nothing");
  await agent.close();
});

test("another store that was accepted is the one that is known from then on, though it makes the same items", async () => {
  const { start, clock, stateFile } = agentHost(await cluster());
  const first = start();
  await clock.advance(5_000);
  await first.close();
  const other = await cluster();
  other.replace();
  const copy = (await cluster()).client();
  for (const kind of ["IPPool", "Node", "IPAMBlock", "WorkloadEndpoint"]) {
    await put(other, ...(await copy.list({ kind })).objects);
  }
  const second = start({ store: other, acceptStore: true });
  await clock.advance(5_000);
  assert.match(stateFile.text ?? "", /"cursor":"memory-2:/, "before it ends: it may be killed");
  await second.close();
});

test("an endpoint that the plugin stored is applied at once, and what fails is told", async () => {
  const store = await cluster();
  const { start, clock, routes, drivers } = agentHost(store);
  const agent = start();
  await clock.advance(5_000);
  const done = agent.endpointChanged(endpointObject("worker-1", "pod-9", "192.168.226.70", "cali999"));
  await clock.advance(0);
  assert.deepEqual(await done, []);
  assert.ok(routes().includes("192.168.226.70/32"));
  drivers.routes.refused.add("254 192.168.226.71/32 0");
  const failing = agent.endpointChanged(endpointObject("worker-1", "pod-8", "192.168.226.71", "cali998"));
  await clock.advance(0);
  assert.match((await failing).join(), /routes 254 192\.168\.226\.71\/32 0: .*EINVAL/);
  await agent.close();
});

test("an endpoint that is stored again as it was is tried again at once", async () => {
  const store = await cluster();
  const { start, clock, routes, drivers } = agentHost(store);
  const agent = start();
  await clock.advance(5_000);
  const endpoint = endpointObject("worker-1", "pod-9", "192.168.226.70", "cali999");
  drivers.routes.refused.add("254 192.168.226.70/32 0");
  const failing = agent.endpointChanged(endpoint);
  await clock.advance(0);
  assert.equal((await failing).length, 1);
  drivers.routes.refused.clear();
  const again = agent.endpointChanged(endpoint);
  await clock.advance(0);
  assert.deepEqual(await again, []);
  assert.ok(routes().includes("192.168.226.70/32"));
  await agent.close();
});

test("a mode is changed: the old device stays until others have stopped sending, and goes", async () => {
  const store = await cluster();
  const { start, clock, drivers } = agentHost(store);
  let adoptions = 0;
  const agent = start({ settingsChanged: () => adoptions++ });
  await clock.advance(5_000);
  const devices = () => [...drivers.links.kernel.values()].map(({ name }) => name).sort();
  const hops = () =>
    [...drivers.routes.kernel.values()].flatMap(({ nextHops }) => nextHops.map(({ device }) => device ?? ""));
  assert.deepEqual(devices(), ["vxlan.calico"]);
  const adopted = adoptions;
  await put(store, poolObject("default-ipv4-ippool", "192.168.0.0/16", { ipipMode: "Always", vxlanMode: "Never" }));
  await clock.advance(1_000);
  assert.deepEqual([devices(), hops().includes("vxlan.calico")], [["tunl0", "vxlan.calico"], true]);
  await clock.advance(2_000);
  assert.deepEqual([devices(), hops().includes("vxlan.calico")], [["tunl0", "vxlan.calico"], false]);
  assert.ok(agent.receives("vxlan"));
  assert.equal(drivers.fdb.kernel.size, 1);
  await clock.advance(20_000);
  assert.deepEqual(devices(), ["tunl0"]);
  assert.equal(drivers.fdb.kernel.size, 0);
  assert.equal(adoptions - adopted, 3, "told when seen, when it sends so, and when the old receiver is closed");
  await agent.close();
});

test("a state file that was torn is ignored with a word, and the agent starts as on its first day", async () => {
  const store = await cluster();
  const { start, clock, routes, stateFile, log } = agentHost(store);
  const first = start();
  await clock.advance(5_000);
  await first.close();
  stateFile.text = stateFile.text?.slice(0, -20);
  const second = start();
  await clock.advance(5_000);
  assert.deepEqual(routes(), ALL);
  assert.match(log.lines.find(({ level }) => level === "warn")?.message ?? "", /cannot be used/);
  await second.close();
});

test("who waits for an endpoint is told also when a pass has to be begun anew", async () => {
  const store = await cluster();
  const { start, clock, drivers } = agentHost(store);
  const agent = start();
  await clock.advance(5_000);
  const { readOwned } = drivers.routes;
  drivers.routes.readOwned = () => {
    drivers.routes.readOwned = readOwned;
    return Promise.reject(new Error("the kernel's answer was cut"));
  };
  agent.dataplane.resync("test");
  const done = agent.endpointChanged(endpointObject("worker-1", "pod-9", "192.168.226.70", "cali999"));
  await clock.advance(2_000);
  assert.deepEqual(await done, []);
  await agent.close();
});
