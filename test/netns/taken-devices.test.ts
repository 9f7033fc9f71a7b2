/**
 * A whole agent on the real kernel, and the plugin's side beside it, make devices anew: what went along is put back and is told
 * as nobody's doing. What somebody else takes away is told.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { SystemClock, SystemWallClock } from "../../src/adapter/clock.ts";
import { LinuxNamespaces } from "../../src/adapter/linux/namespaces.ts";
import { SystemRandom } from "../../src/adapter/random.ts";
import { CniServer } from "../../src/cni/server.ts";
import { podInterfaceName } from "../../src/cni/workload.ts";
import type { Local } from "../../src/compile/view.ts";
import { verify } from "../../src/insight/verify.ts";
import { parseInterfaceAddress } from "../../src/ip/prefix.ts";
import { Ipam } from "../../src/ipam/ipam.ts";
import { local } from "../../src/testing/agent-host.ts";
import { whyNoBpf } from "../../src/testing/bpf-run.ts";
import { MemoryStore } from "../../src/testing/memory-store.ts";
import { namespaceFor, whyNoNamespaces } from "../../src/testing/netns.ts";
import { blockObject, nodeObject, poolObject, resourceObject, stored } from "../../src/testing/objects.ts";
import { SilentLog } from "../../src/testing/silent-log.ts";
import { eventually } from "../scenario/eventually.ts";
import { agentOnHost } from "./agent-on-host.ts";
import { type TestPod, testPod } from "./cni-testbed.ts";

const skip = whyNoNamespaces() ?? false;

const ipipNode = (name: string, address: string, tunnel: string) =>
  resourceObject("Node", name, { bgp: { ipv4Address: address, ipv4IPIPTunnelAddr: tunnel } });

/** Two nodes that send by VXLAN. */
const BY_VXLAN = [
  poolObject("default-ipv4-ippool", "192.168.0.0/16"),
  nodeObject("worker-1", "10.30.0.206/24", "192.168.226.64"),
  nodeObject("worker-2", "10.30.0.56/24", "192.168.133.192"),
  blockObject("192.168.226.64/26", "worker-1"),
  blockObject("192.168.133.192/26", "worker-2"),
];

/** Two nodes that send by IP-in-IP. */
const BY_IPIP = [
  poolObject("default-ipv4-ippool", "192.168.0.0/16", { ipipMode: "Always", vxlanMode: "Never" }),
  ipipNode("worker-1", "10.30.0.206/24", "192.168.226.64"),
  ipipNode("worker-2", "10.30.0.56/24", "192.168.133.192"),
  blockObject("192.168.226.64/26", "worker-1"),
  blockObject("192.168.133.192/26", "worker-2"),
];

/** worker-1: a host whose agent is in sync, and the plugin's side of it. */
async function nodeOf(t: TestContext, objects: typeof BY_VXLAN, facts: Local = local) {
  const host = namespaceFor(t);
  host.ip("link set lo up");
  host.ip("link add ens5 type veth peer name ens5p");
  for (const device of ["ens5", "ens5p"]) host.ip(`link set ${device} up`);
  for (const address of ["10.30.0.206/24", "10.30.0.207/24"]) host.ip(`address add ${address} dev ens5`);
  const clock = new SystemClock();
  const wallClock = new SystemWallClock();
  const log = new SilentLog();
  const store = new MemoryStore();
  const ready = stored("ClusterInformation", "default", { spec: { datastoreReady: true } });
  await store.write([...objects, ready].map(({ key, value }) => ({ op: "put" as const, key, value })));
  const { agent, kernel } = await agentOnHost(t, host, { store, clock, log, facts });
  const linux = new LinuxNamespaces();
  const cni = new CniServer({
    store,
    ipam: new Ipam({ store, wallClock, log }),
    namespaces: { own: () => host.net, open: (file) => linux.open(file) },
    taken: kernel.taken,
    clock,
    wallClock,
    log,
    nodeName: "worker-1",
    podMtu: () => 1450,
    ready: () => ({ ok: true }),
    endpoints: {
      changed: async (endpoint) => assert.deepEqual(await agent.endpointChanged(endpoint), []),
      removed: (key) => agent.endpointRemoved(key),
    },
    random: new SystemRandom(),
    openLog: () => log,
    install: async () => "installed",
  });
  t.after(() => cni.close());
  /** Resolves when the kernel is as compiled. */
  const settled = () =>
    eventually(async () => {
      await agent.dataplane.applied();
      const { differences } = await verify(agent.dataplane, kernel.drivers, agent.view, clock);
      assert.deepEqual(differences, []);
    });
  const add = async (pod: TestPod): Promise<string> => {
    const config = { cniVersion: "1.0.0", name: "net", type: "calico", ipam: { type: "calico-ipam" } };
    const { exitCode, stdout } = await cni.handle({
      program: "calico",
      env: {
        CNI_COMMAND: "ADD",
        CNI_PATH: "/",
        CNI_CONTAINERID: pod.containerId,
        CNI_NETNS: pod.namespace.path,
        CNI_IFNAME: "eth0",
        CNI_ARGS: pod.args,
      },
      stdin: JSON.stringify({ ...config, policy: { type: "k8s" } }),
    });
    assert.equal(exitCode, 0, stdout);
    return (JSON.parse(stdout) as { ips: { address: string }[] }).ips[0]?.address ?? "";
  };
  /** Resolves when the losses of a device count as others' doing again. */
  const heard = (device: string) => eventually(() => assert.equal(kernel.taken.has(device), false));
  const repaired = () => [...new Set(agent.repairs.map(({ kind }) => kind))].sort();
  await settled();
  assert.deepEqual(agent.repairs, []);
  return { host, agent, settled, heard, repaired, add };
}

const elsewhere = { ...parseInterfaceAddress("10.30.0.207/24"), device: "ens5" };

test("another VNI and another host address make vxlan.calico anew: nothing is repaired; deleted by others it is", {
  skip,
}, async (t) => {
  const { host, agent, settled, heard, repaired } = await nodeOf(t, BY_VXLAN);
  const index = () => host.json<{ ifindex: number }>("ip -j link show vxlan.calico")[0]?.ifindex;
  const other: Local = { ...local, vxlan: { ...local.vxlan, vni: 5_000 } };
  for (const facts of [other, { ...other, address: elsewhere }]) {
    const before = index();
    agent.setLocal(facts);
    await settled();
    assert.notEqual(index(), before, "it was made anew");
    assert.deepEqual(agent.repairs, []);
  }
  await heard("vxlan.calico");
  host.ip("link del vxlan.calico");
  await eventually(() => assert.deepEqual(repaired(), ["addresses", "fdb", "links", "neighbours", "routes"]));
  await settled();
  const before = agent.repairs.length;
  host.ip("route del 192.168.133.192/26");
  await eventually(() => assert.equal(agent.repairs.length, before + 1));
});

test("another host address makes neighbours of tunl0 go: nothing is repaired; deleted by others it is", {
  skip: skip || (whyNoBpf() ?? false),
}, async (t) => {
  const facts: Local = { ...local, ipip: { mtu: 1_480, enabled: true } };
  const { host, agent, settled, heard, repaired } = await nodeOf(t, BY_IPIP, facts);
  agent.setLocal({ ...facts, address: elsewhere });
  await settled();
  assert.deepEqual(agent.repairs, []);
  await heard("tunl0");
  host.ip("link del tunl0");
  await eventually(() => assert.deepEqual(repaired(), ["addresses", "links", "neighbours", "tunnel sources"]));
});

test("a pod that is added twice gets its device anew: nothing is repaired; its route deleted by others is", {
  skip,
}, async (t) => {
  const { host, agent, settled, heard, add } = await nodeOf(t, BY_VXLAN);
  await add(testPod(t, "twice"));
  for (let time = 0; time < 3; time++) {
    const address = await add(testPod(t, "twice"));
    await settled();
    assert.deepEqual(agent.repairs, [], address);
  }
  const device = podInterfaceName("default", "twice");
  await heard(device);
  const [route] = host.json<{ dst: string }>(`ip -j route show dev ${device}`);
  host.ip(`route del ${route?.dst} dev ${device}`);
  await eventually(() =>
    assert.deepEqual(
      agent.repairs.map(({ kind, found }) => `${kind} ${found}`),
      ["routes gone"],
    ),
  );
});
