/** The plugin in other company: dual stack, outside Kubernetes, in a chain, as address management of another plugin. */
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import type { JsonObject } from "../../src/base/json.ts";
import { podInterfaceName } from "../../src/cni/workload.ts";
import { whyNoNamespaces } from "../../src/testing/netns.ts";
import { poolObject } from "../../src/testing/objects.ts";
import { type CniTestbed, onlySpec, testbed, testPod } from "./cni-testbed.ts";

const skip = whyNoNamespaces() ?? false;
const standard = (name: string): string | false =>
  skip || (fs.existsSync(`/usr/lib/cni/${name}`) ? false : `needs /usr/lib/cni/${name} (containernetworking-plugins)`);
const addresses = (result: JsonObject): string[] =>
  (result["ips"] as { address: string }[]).map(({ address }) => address);

const addPool = async (bed: CniTestbed, name: string, cidr: string, blockSize: number): Promise<void> => {
  const { key, value } = poolObject(name, cidr, { blockSize, vxlanMode: "Never" });
  await bed.store.write([{ op: "put", key, value }]);
};

test("dual stack: both families, IPv6 through the host's link-local address", { skip }, async (t) => {
  const bed = await testbed(t);
  await addPool(bed, "six", "fd00:10::/64", 122);
  bed.host.net.writeSysctl("net/ipv6/conf/all/forwarding", "1");
  const config = bed.config({ ipam: { type: "calico-ipam", assign_ipv6: "true" } });
  const [one, two] = [testPod(t, "one"), testPod(t, "two")];
  const [four = "", six = ""] = addresses(await bed.add(one, config));
  assert.match(four, /\/32$/);
  assert.match(six, /^fd00:10:.*\/128$/);
  const [, other = ""] = addresses(await bed.add(two, config));
  assert.match(one.namespace.run("ip", "-6", "route"), /default via fe80::ecee:eeff:feee:eeee dev eth0/);
  const ping = one.namespace.run("ping", "-6", "-c", "1", "-W", "2", other.split("/")[0] ?? "");
  assert.match(ping, /ttl=63/);
  assert.equal(one.namespace.net.readSysctl("net/ipv6/conf/all/forwarding"), "0");
});

test("when one family has no address the other is given back", { skip }, async (t) => {
  const bed = await testbed(t);
  const pod = testPod(t, "p");
  const config = bed.config({ ipam: { type: "calico-ipam", assign_ipv6: "true" } });
  const run = await bed.run({ command: "ADD", pod, config });
  assert.match(String(run.json["msg"]), /no configured Calico pools for node worker-2: no enabled IPv6 pool/);
  assert.deepEqual((await bed.store.list({ kind: "IPAMHandle" })).objects, []);
});

test("an address by name, an MTU of the configuration, and forwarding where it is allowed", { skip }, async (t) => {
  const bed = await testbed(t);
  const pod = testPod(t, "p");
  const config = bed.config({ mtu: 1440, container_settings: { allow_ip_forwarding: true } });
  const result = await bed.add(pod, config, { CNI_ARGS: `${pod.args};IP=192.168.7.7` });
  assert.deepEqual(addresses(result), ["192.168.7.7/32"]);
  assert.match(pod.namespace.run("ip", "link", "show", "eth0"), /mtu 1440/);
  assert.match(bed.host.run("ip", "link", "show", podInterfaceName("default", "p")), /mtu 1440/);
  assert.equal(pod.namespace.net.readSysctl("net/ipv4/ip_forward"), "1");
  const again = await bed.run({
    command: "ADD",
    pod: testPod(t, "q"),
    env: { CNI_ARGS: `IgnoreUnknown=1;IP=192.168.7.7` },
  });
  assert.match(String(again.json["msg"]), /Address already assigned in block: 192.168.7.7 is in use/);
});

test("outside Kubernetes: names from the container, a profile by the network, one more network without a new interface", {
  skip,
}, async (t) => {
  const bed = await testbed(t);
  const pod = testPod(t, "");
  const first = await bed.add(pod, bed.config({ policy: {} }));
  assert.deepEqual((first["interfaces"] as JsonObject[])[0], { name: `cali${pod.containerId.slice(0, 11)}` });
  const second = await bed.add(pod, bed.config({ policy: {}, name: "other-net" }));
  assert.deepEqual(addresses(second), addresses(first));
  const [endpoint] = (await bed.store.list({ kind: "WorkloadEndpoint" })).objects;
  assert.equal(endpoint?.key.name, `worker--2-cni-${pod.containerId}-eth0`);
  assert.deepEqual((await onlySpec(bed))["profiles"], ["k8s-pod-network", "other-net"]);
  const profile = await bed.store.get({ kind: "Profile", name: "k8s-pod-network" });
  assert.deepEqual(profile?.value["spec"], {
    ingress: [{ action: "Allow", source: { selector: "has(k8s-pod-network)" } }],
    egress: [{ action: "Allow" }],
    labelsToApply: { "k8s-pod-network": "" },
  });
  assert.equal((await bed.run({ command: "DEL", pod, config: bed.config({ policy: {} }) })).code, 0);
  assert.deepEqual((await bed.store.list({ kind: "WorkloadEndpoint" })).objects, []);
});

test("chained with the standard portmap plugin a port of the host leads to the pod", {
  skip: standard("portmap"),
}, async (t) => {
  const bed = await testbed(t);
  const pod = testPod(t, "web");
  const prevResult = await bed.add(pod);
  const runtimeConfig = { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }] };
  const config = bed.config({ type: "portmap", snat: true, runtimeConfig, prevResult });
  const add = await bed.run({ command: "ADD", pod, config, program: "/usr/lib/cni/portmap" });
  assert.equal(add.code, 0, add.stdout);
  assert.deepEqual(addresses(add.json), addresses(prevResult));
  assert.match(
    bed.host.run("iptables-save", "-t", "nat"),
    new RegExp(`--dport 8080 .*to-destination ${addresses(prevResult)[0]?.split("/")[0]}:80`),
  );
  assert.equal((await bed.run({ command: "DEL", pod, config, program: "/usr/lib/cni/portmap" })).code, 0);
});

test("chained with the standard bandwidth plugin the host's end is shaped", {
  skip: standard("bandwidth"),
}, async (t) => {
  const bed = await testbed(t);
  const pod = testPod(t, "web");
  const prevResult = await bed.add(pod);
  const runtimeConfig = { bandwidth: { ingressRate: 8_000_000, ingressBurst: 8_000_000 } };
  const config = bed.config({ type: "bandwidth", runtimeConfig, prevResult });
  const add = await bed.run({ command: "ADD", pod, config, program: "/usr/lib/cni/bandwidth" });
  assert.equal(add.code, 0, add.stdout);
  assert.match(bed.host.run("tc", "qdisc", "show", "dev", podInterfaceName("default", "web")), /tbf .*rate 8Mbit/);
  assert.equal((await bed.run({ command: "DEL", pod, config, program: "/usr/lib/cni/bandwidth" })).code, 0);
});

test("calico-ipam serves another main plugin: bridge", { skip: standard("bridge") }, async (t) => {
  const bed = await testbed(t);
  const pod = testPod(t, "p");
  const config = bed.config({ type: "bridge", bridge: "br0", ipam: { type: "calico-ipam" } });
  const add = await bed.run({ command: "ADD", pod, config, program: "/usr/lib/cni/bridge" });
  assert.equal(add.code, 0, add.stdout);
  assert.deepEqual(addresses(add.json), ["192.168.133.192/26"]);
  const check = { ...config, prevResult: add.json };
  assert.equal((await bed.run({ command: "CHECK", pod, config: check, program: "calico-ipam" })).code, 0);
  assert.equal((await bed.run({ command: "DEL", pod, config, program: "/usr/lib/cni/bridge" })).code, 0);
  assert.equal((await bed.run({ command: "CHECK", pod, config: check, program: "calico-ipam" })).json["code"], 101);
});

test("thirty pods at once get thirty addresses, and go at once", { skip }, async (t) => {
  const bed = await testbed(t);
  const pods = Array.from({ length: 30 }, (_, index) => testPod(t, `pod-${index}`));
  const results = await Promise.all(pods.map((pod) => bed.add(pod)));
  assert.equal(new Set(results.flatMap(addresses)).size, 30);
  assert.equal((await bed.store.list({ kind: "WorkloadEndpoint" })).objects.length, 30);
  const runs = await Promise.all(pods.map((pod) => bed.run({ command: "DEL", pod })));
  assert.ok(runs.every(({ code }) => code === 0));
  assert.deepEqual((await bed.store.list({ kind: "IPAMHandle" })).objects, []);
  assert.ok(!bed.host.run("ip", "link").includes("cali"));
});

test("the log that the configuration names is written, and turned over at its size", { skip }, async (t) => {
  const bed = await testbed(t);
  const pod = testPod(t, "p");
  const file = path.join(bed.folder, "log/cni/cni.log");
  const config = bed.config({ log_file_path: file, log_level: "debug" });
  await bed.add(pod, config);
  const text = fs.readFileSync(file, "utf8");
  assert.match(text, /\[DEBUG\] CNI call command=ADD containerId=[0-9a-f]{64} pod=default\/p/);
  assert.match(text, /\[INFO\] CNI call done/);
  fs.truncateSync(file, 1 << 20);
  await bed.run({ command: "DEL", pod, config: { ...config, log_file_max_size: 1 } });
  assert.ok(fs.statSync(file).size < 10_000);
  assert.equal(fs.readdirSync(path.dirname(file)).length, 2);
});
