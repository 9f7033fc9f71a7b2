/** The plugin on the real kernel: what ADD makes, what DEL leaves, what CHECK sees. Checked with iproute2 and ping. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../src/base/json.ts";
import { podInterfaceName } from "../../src/cni/workload.ts";
import { whyNoNamespaces } from "../../src/testing/netns.ts";
import { type CniTestbed, testbed, testPod } from "./cni-testbed.ts";

const skip = whyNoNamespaces() ?? false;

const endpoints = async (bed: CniTestbed) => (await bed.store.list({ kind: "WorkloadEndpoint" })).objects;
const handles = async (bed: CniTestbed) =>
  (await bed.store.list({ kind: "IPAMHandle" })).objects.map(({ key }) => key.name);
const hostLinks = (bed: CniTestbed) =>
  bed.host
    .json<{ ifname: string }>("ip -j link show")
    .map(({ ifname }) => ifname)
    .filter((name) => name.startsWith("cali"));
const addressOf = (result: JsonObject): string =>
  (result["ips"] as { address: string }[])[0]?.address.split("/")[0] ?? "";

test("a pod gets eth0 /32, the gateway 169.254.1.1, and a host end as the documents show it", { skip }, async (t) => {
  const bed = await testbed(t);
  const pod = testPod(t, "busybox-deployment-8c7dc8548-btnkv");
  const result = await bed.add(pod);
  const cali = podInterfaceName("default", pod.name);
  assert.equal(cali, "calib673e730d42");
  assert.equal(podInterfaceName("default", "busybox-deployment-8c7dc8548-x6ljh"), "cali9861acf9f07");
  assert.equal(addressOf(result), "192.168.133.192");

  const [eth0] = pod.namespace.json<{ addr_info: JsonObject[]; mtu: number; address: string; operstate: string }>(
    "ip -j addr show eth0",
  );
  const ipv4 = eth0?.addr_info.filter(({ family }) => family === "inet");
  assert.deepEqual(
    ipv4?.map(({ local, prefixlen, scope }) => [local, prefixlen, scope]),
    [["192.168.133.192", 32, "global"]],
  );
  assert.equal(eth0?.mtu, 1450);
  assert.deepEqual(
    pod.namespace
      .run("ip", "route")
      .trim()
      .split("\n")
      .map((line) => line.trim()),
    ["default via 169.254.1.1 dev eth0", "169.254.1.1 dev eth0 scope link"],
  );
  assert.equal(
    pod.namespace.run("ip", "-4", "neigh").trim(),
    "",
    "nothing is known of the gateway before it is asked for",
  );
  assert.equal(pod.namespace.net.readSysctl("net/ipv4/ip_forward"), "0");

  const [end] = bed.host.json<{ addr_info: JsonObject[]; mtu: number; address: string }>(`ip -j addr show ${cali}`);
  assert.equal(end?.address, "ee:ee:ee:ee:ee:ee");
  assert.equal(end?.mtu, 1450);
  assert.deepEqual(
    end?.addr_info.map(({ local, prefixlen }) => `${local}/${prefixlen}`),
    ["fe80::ecee:eeff:feee:eeee/64"],
  );
  for (const [path, value] of Object.entries({
    [`net/ipv4/conf/${cali}/proxy_arp`]: "1",
    [`net/ipv4/conf/${cali}/route_localnet`]: "1",
    [`net/ipv4/conf/${cali}/forwarding`]: "1",
    [`net/ipv4/neigh/${cali}/proxy_delay`]: "0",
    [`net/ipv6/conf/${cali}/accept_ra`]: "0",
  })) {
    assert.equal(bed.host.net.readSysctl(path), value, path);
  }
  assert.equal(bed.host.run("ip", "route").trim(), `192.168.133.192 dev ${cali} scope link`);
  const owned = bed.host
    .json<{ addr_info: JsonObject[] }>("ip -j addr show")
    .flatMap(({ addr_info }) => addr_info ?? []);
  assert.ok(!owned.some(({ local }) => local === "169.254.1.1"), "nothing owns the gateway's address");
});

test("the gateway answers by proxy ARP on a host without any default route, and pods reach each other", {
  skip,
}, async (t) => {
  const bed = await testbed(t);
  const [one, two] = [testPod(t, "one"), testPod(t, "two")];
  await bed.add(one);
  const address = addressOf(await bed.add(two));
  assert.ok(!bed.host.run("ip", "route").includes("default"));
  const output = one.namespace.run("ping", "-c", "1", "-W", "2", address);
  assert.match(output, /ttl=63/);
  assert.match(one.namespace.run("ip", "-4", "neigh").trim(), /^169\.254\.1\.1 dev eth0 lladdr ee:ee:ee:ee:ee:ee /);
});

test("the endpoint is recorded as Calico writes it", { skip }, async (t) => {
  const bed = await testbed(t);
  const pod = testPod(t, "web-0");
  const labels = [{ key: "app", value: "web" }];
  const result = await bed.add(pod, bed.config({ args: { cni: { labels } } }));
  const [endpoint] = await endpoints(bed);
  assert.equal(endpoint?.key.name, "worker--2-k8s-web--0-eth0");
  assert.equal(endpoint?.key.namespace, "default");
  const { metadata, spec } = (endpoint?.value ?? {}) as { metadata: JsonObject; spec: JsonObject };
  assert.deepEqual(metadata["labels"], {
    app: "web",
    "projectcalico.org/namespace": "default",
    "projectcalico.org/orchestrator": "k8s",
  });
  const mac = (result["interfaces"] as { mac?: string }[])[1]?.mac;
  assert.deepEqual(spec, {
    orchestrator: "k8s",
    node: "worker-2",
    containerID: pod.containerId,
    pod: "web-0",
    endpoint: "eth0",
    ipNetworks: ["192.168.133.192/32"],
    profiles: ["kns.default"],
    interfaceName: podInterfaceName("default", "web-0"),
    mac,
  });
  const [link] = pod.namespace.json<{ address: string }>("ip -j link show eth0");
  assert.equal(link?.address, mac);
  const block = (await bed.store.get({ kind: "IPAMBlock", name: "192.168.133.192/26" }))?.value;
  const [holder] = (block?.["attributes"] ?? []) as unknown as { handle_id: string; secondary: JsonObject }[];
  assert.equal(holder?.handle_id, `k8s-pod-network.${pod.containerId}`);
  assert.match(String(holder?.secondary["timestamp"]), /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? \+0000 UTC$/);
  assert.deepEqual(
    { ...holder?.secondary, timestamp: "" },
    { node: "worker-2", pod: "web-0", namespace: "default", timestamp: "" },
  );
});

test("every CNI version gets its own shape of result", { skip }, async (t) => {
  const bed = await testbed(t);
  for (const version of ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]) {
    const pod = testPod(t, `v${version.replaceAll(".", "-")}`);
    const result = await bed.add(pod, bed.config({ cniVersion: version }));
    assert.equal(result["cniVersion"], version);
    if (version < "0.3.0") {
      assert.match((result["ip4"] as { ip: string }).ip, /^192\.168\.133\.\d+\/32$/);
      assert.equal(result["ips"], undefined);
      continue;
    }
    const [ip] = result["ips"] as JsonObject[];
    assert.equal(ip?.["version"], version < "1.0.0" ? "4" : undefined);
    assert.equal(ip?.["interface"], 1);
    assert.equal(ip?.["gateway"], undefined);
    const [host, inside] = result["interfaces"] as JsonObject[];
    assert.deepEqual(host, { name: podInterfaceName("default", pod.name) });
    assert.equal(inside?.["name"], "eth0");
    assert.equal(inside?.["sandbox"], pod.namespace.path);
    assert.equal(inside?.["mtu"], version === "1.1.0" ? 1450 : undefined);
    assert.deepEqual(result["routes"], [{ dst: "192.168.133.192/26" }]);
  }
});

test("CHECK passes after ADD and names what is wrong afterwards", { skip }, async (t) => {
  const bed = await testbed(t);
  const pod = testPod(t, "p");
  const prevResult = await bed.add(pod);
  const check = () => bed.run({ command: "CHECK", pod, config: bed.config({ prevResult }) });
  assert.deepEqual(await check(), { code: 0, stdout: "", json: {} });
  const stale = { ...prevResult, ips: [{ interface: 1, address: "192.168.9.9/32" }] };
  const wrong = await bed.run({ command: "CHECK", pod, config: bed.config({ prevResult: stale }) });
  assert.equal(wrong.json["code"], 101);
  assert.match(
    String(wrong.json["msg"]),
    new RegExp(`prevResult has address '192.168.9.9/32', WorkloadEndpoint \\S+ has ${addressOf(prevResult)}`),
  );
  pod.namespace.ip("route del default");
  bed.host.net.writeSysctl(`net/ipv4/conf/${podInterfaceName("default", "p")}/proxy_arp`, "0");
  const broken = await check();
  assert.equal(broken.code, 1);
  assert.equal(broken.json["code"], 101);
  assert.match(String(broken.json["msg"]), /default route via 169.254.1.1 is missing.*proxy_arp is 0 instead of 1/);
  pod.namespace.ip("link del eth0");
  assert.match(String((await check()).json["msg"]), /interface eth0 is missing in the pod/);
});

test("DEL takes everything back and may be repeated, late, and for what never was", { skip }, async (t) => {
  const bed = await testbed(t);
  const pod = testPod(t, "p");
  await bed.add(pod);
  for (const env of [{}, {}, { CNI_NETNS: "" }, { CNI_NETNS: "/var/run/netns/never" }, { CNI_CONTAINERID: "other" }]) {
    const run = await bed.run({ command: "DEL", pod, env });
    assert.deepEqual(run, { code: 0, stdout: "", json: {} });
  }
  assert.deepEqual(hostLinks(bed), []);
  assert.deepEqual(await endpoints(bed), []);
  assert.deepEqual(await handles(bed), []);
  assert.ok(!pod.namespace.run("ip", "link").includes("eth0"));
});
