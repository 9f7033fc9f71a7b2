/** What the plugin refuses, what it leaves behind when it fails (nothing), and whom a late call must not hurt. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../src/base/json.ts";
import { podInterfaceName } from "../../src/cni/workload.ts";
import { whyNoNamespaces } from "../../src/testing/netns.ts";
import { poolObject, stored } from "../../src/testing/objects.ts";
import { type CniTestbed, onlySpec, testbed, testPod } from "./cni-testbed.ts";

const skip = whyNoNamespaces() ?? false;

const put = async (bed: CniTestbed, { key, value }: ReturnType<typeof stored>): Promise<void> => {
  await bed.store.write([{ op: "put", key, value }]);
};
const names = async (bed: CniTestbed, kind: string) =>
  (await bed.store.list({ kind })).objects.map(({ key }) => key.name);
const ipOf = (result: JsonObject): string => (result["ips"] as { address: string }[])[0]?.address ?? "";
const caliLinks = (bed: CniTestbed) => bed.host.run("ip", "-o", "link").match(/cali[0-9a-f]{11}/g) ?? [];

test("a second ADD gives a new address, and DEL of the old sandbox leaves the new one alone", { skip }, async (t) => {
  const bed = await testbed(t);
  const [old, young] = [testPod(t, "web-0"), testPod(t, "web-0")];
  const first = ipOf(await bed.add(old));
  const second = ipOf(await bed.add(young));
  assert.notEqual(first, second);
  assert.equal((await bed.run({ command: "DEL", pod: old })).code, 0);
  const spec = await onlySpec(bed);
  assert.deepEqual(spec["ipNetworks"], [second]);
  assert.equal(spec["containerID"], young.containerId);
  assert.deepEqual(await names(bed, "IPAMHandle"), [`k8s-pod-network.${young.containerId}`]);
  assert.deepEqual(caliLinks(bed), [podInterfaceName("default", "web-0")]);
  assert.ok(young.namespace.run("ip", "addr", "show", "eth0").includes(second));
});

test("an ADD repeated for the same sandbox makes its interface anew", { skip }, async (t) => {
  const bed = await testbed(t);
  const pod = testPod(t, "p");
  await bed.add(pod);
  const again = ipOf(await bed.add(pod));
  assert.ok(pod.namespace.run("ip", "addr", "show", "eth0").includes(again));
  await bed.run({ command: "DEL", pod });
  assert.deepEqual(await names(bed, "IPAMHandle"), []);
});

test("an ADD that fails anywhere leaves nothing behind", { skip }, async (t) => {
  const bed = await testbed(t);
  const pod = testPod(t, "p");
  const assertNothing = async (what: string): Promise<void> => {
    assert.deepEqual(await names(bed, "IPAMHandle"), [], what);
    assert.deepEqual(await names(bed, "WorkloadEndpoint"), [], what);
    assert.deepEqual(caliLinks(bed), [], what);
    assert.ok(!pod.namespace.run("ip", "link").includes("eth0"), what);
  };
  bed.onChanged = () => {
    throw new Error("the dataplane refused");
  };
  const refused = await bed.run({ command: "ADD", pod });
  assert.equal(refused.code, 1);
  assert.match(String(refused.json["msg"]), /the dataplane refused/);
  await assertNothing("dataplane");
  bed.onChanged = undefined;

  bed.store.beforeWrite = (ops) => {
    if (ops.some(({ key }) => key.kind === "WorkloadEndpoint")) throw new Error("the store refused");
  };
  assert.match(String((await bed.run({ command: "ADD", pod })).json["msg"]), /the store refused/);
  bed.store.beforeWrite = undefined;
  await assertNothing("record");

  const noPool = await bed.run({
    command: "ADD",
    pod,
    config: bed.config({ ipam: { type: "calico-ipam", ipv4_pools: ["none"] } }),
  });
  assert.equal(noPool.json["code"], 7);
  assert.match(String(noPool.json["msg"]), /the given pool \(none\) does not exist, or is not enabled/);
  await assertNothing("pool");

  pod.namespace.ip("link add eth0 type bridge");
  const taken = await bed.run({ command: "ADD", pod });
  assert.match(String(taken.json["msg"]), /the pod has an interface eth0 already, and it is not ours/);
  pod.namespace.ip("link del eth0");
  await assertNothing("interface");
  await bed.add(pod);
});

test("a failing ADD does not touch the pod that lives under the same name", { skip }, async (t) => {
  const bed = await testbed(t);
  await put(bed, poolObject("default-ipv4-ippool", "192.168.0.0/32", { blockSize: 32 }));
  const [living, late] = [testPod(t, "web-0"), testPod(t, "web-0")];
  const address = ipOf(await bed.add(living));
  const run = await bed.run({ command: "ADD", pod: late });
  assert.equal(run.json["code"], 102);
  assert.match(String(run.json["msg"]), /no address for pod default\/web-0: no free address in default-ipv4-ippool/);
  assert.ok(living.namespace.run("ip", "addr", "show", "eth0").includes(address));
  assert.equal((await names(bed, "WorkloadEndpoint")).length, 1);
  assert.deepEqual(caliLinks(bed), [podInterfaceName("default", "web-0")]);
});

test("while the store is away a DEL fails and changes nothing, and succeeds afterwards", { skip }, async (t) => {
  const bed = await testbed(t);
  const pod = testPod(t, "p");
  await bed.add(pod);
  bed.store.isAway = true;
  const run = await bed.run({ command: "DEL", pod });
  assert.equal(run.json["code"], 11);
  assert.match(String(run.json["msg"]), /the store does not answer/);
  assert.ok(pod.namespace.run("ip", "link").includes("eth0"));
  bed.store.isAway = false;
  assert.equal((await bed.run({ command: "DEL", pod })).code, 0);
});

test("an agent or a cluster that is not ready answers 11, to STATUS 50, and VERSION all the same", {
  skip,
}, async (t) => {
  const bed = await testbed(t);
  const pod = testPod(t, "p");
  const code = async (command: string) => (await bed.run({ command, pod })).json["code"];
  assert.equal((await bed.run({ command: "STATUS" })).code, 0);
  bed.readiness = { ok: false, reason: "the store has not been read yet" };
  assert.equal(await code("ADD"), 11);
  assert.equal(await code("STATUS"), 50);
  bed.readiness = { ok: true };
  await put(bed, stored("ClusterInformation", "default", { spec: { datastoreReady: false } }));
  for (const command of ["ADD", "DEL", "CHECK"]) assert.equal(await code(command), 11, command);
  assert.match(
    String((await bed.run({ command: "ADD", pod })).json["msg"]),
    /Calico is currently not ready to process requests: datastoreReady is false/,
  );
  const version = await bed.run({ command: "VERSION" });
  assert.deepEqual(version.json, {
    cniVersion: "1.0.0",
    supportedVersions: ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"],
  });
});

test("wrong calls and configurations are refused with code, place and remedy", { skip }, async (t) => {
  const bed = await testbed(t);
  const pod = testPod(t, "p");
  const cases: [JsonObject, number, RegExp][] = [
    [{ cniVersion: "2.0.0" }, 1, /unsupported CNI version "2\.0\.0"/],
    [{ name: "a b" }, 7, /name is "a b"; expected letters/],
    [{ ipam: { type: "host-local" } }, 7, /ipam\.type is "host-local"; expected 'calico-ipam'/],
    [{ ipam: {} }, 7, /ipam\.type is ""/],
    [
      { ipam: { type: "calico-ipam", ipv4_pools: ["10.0.0.1/8"] } },
      7,
      /ipam\.ipv4_pools\[0\] is "10\.0\.0\.1\/8"; expected .*host bits zero/,
    ],
    [
      { ipam: { type: "calico-ipam", ipv4_pools: ["fd00::/64"] } },
      7,
      /expected the name of an IPPool, or its IPv4 CIDR/,
    ],
    [{ ipam: { type: "calico-ipam", assign_ipv4: "no" } }, 7, /ipam\.assign_ipv4 is "no"; expected "true" or "false"/],
    [{ ipam: { type: "calico-ipam", assign_ipv4: "false" } }, 7, /a pod needs an address/],
    [{ mtu: "1500" }, 7, /mtu is "1500"; expected a number/],
    [{ mtu: 20 }, 7, /mtu is 20; expected 0 \(chosen by the encapsulation\) or 68/],
    [{ device_type: "macvlan" }, 7, /device_type is "macvlan"/],
    [{ dataplane_options: { type: "grpc" } }, 2, /dataplane_options is not supported/],
    [{ policy: { type: "other" } }, 7, /policy\.type is "other"/],
    [
      { nodename: "elsewhere" },
      7,
      /nodename in the network configuration is 'elsewhere', but the agent of this host is 'worker-2'/,
    ],
  ];
  for (const [fields, code, message] of cases) {
    const { json } = await bed.run({ command: "ADD", pod, config: bed.config(fields) });
    assert.equal(json["code"], code, JSON.stringify(fields));
    assert.match(String(json["msg"]), message);
  }
  const environments: [Record<string, string>, RegExp][] = [
    [{ CNI_IFNAME: "" }, /CNI_IFNAME is missing/],
    [{ CNI_IFNAME: "much-too-long-a-name" }, /CNI_IFNAME is 'much-too-long-a-name'/],
    [{ CNI_CONTAINERID: "../x" }, /CNI_CONTAINERID is '\.\.\/x'/],
    [{ CNI_NETNS: "" }, /CNI_NETNS is missing/],
    [{ CNI_NETNS: "/nowhere" }, /there is no network namespace at \/nowhere/],
    [{ CNI_NETNS: "/etc/passwd" }, /there is no network namespace at \/etc\/passwd/],
    [{ CNI_NETNS: bed.host.path }, /is the host's own network namespace/],
    [{ CNI_ARGS: "K8S_POD_NAME=x" }, /name only one of K8S_POD_NAME and K8S_POD_NAMESPACE/],
    [{ CNI_ARGS: "nonsense" }, /CNI_ARGS has 'nonsense'/],
    [{ CNI_COMMAND: "BOGUS" }, /CNI_COMMAND is 'BOGUS'/],
    [{ CNI_ARGS: `${pod.args};IP=10.0.0` }, /IP=10\.0\.0, which is no IP address/],
  ];
  for (const [env, message] of environments) {
    const { json } = await bed.run({ command: "ADD", pod, env });
    assert.equal(json["code"], 4, JSON.stringify(env));
    assert.match(String(json["msg"]), message);
  }
  assert.deepEqual(await names(bed, "IPAMHandle"), []);
});

test("GC frees what the runtime no longer has, only of its network, and nothing without a list", {
  skip,
}, async (t) => {
  const bed = await testbed(t);
  const [kept, lost] = [testPod(t, "kept"), testPod(t, "lost")];
  await bed.add(kept);
  await bed.add(lost);
  await bed.ipam.autoAssign({
    family: 4,
    node: "worker-2",
    use: "Workload",
    handleId: "other.x",
    attributes: { node: "worker-2" },
    count: 1,
  });
  const gc = (attachments?: JsonObject[]) =>
    bed.run({
      command: "GC",
      config: bed.config({ cniVersion: "1.1.0", ...(attachments ? { "cni.dev/valid-attachments": attachments } : {}) }),
    });
  assert.equal((await gc()).json["code"], 7);
  assert.equal((await gc([{ containerID: kept.containerId, ifname: "eth0" }])).code, 0);
  assert.deepEqual((await names(bed, "IPAMHandle")).sort(), [`k8s-pod-network.${kept.containerId}`, "other.x"]);
  assert.deepEqual(await names(bed, "WorkloadEndpoint"), ["worker--2-k8s-kept-eth0"]);
});
