import assert from "node:assert/strict";
import { test } from "node:test";
import type { Place } from "../../port/places.ts";
import type { Execution, ExecutionResult } from "../../port/programs.ts";
import { CniRuntime, resultAddresses } from "./runtime.ts";

const conflist = {
  name: "k8s-pod-network",
  cniVersion: "0.3.1",
  plugins: [{ type: "calico", mtu: 0 }, { type: "portmap", capabilities: { portMappings: true } }, { type: "tuning" }],
};
const sandbox = {
  namespace: "default",
  name: "web",
  containerId: "c0ffee",
  netns: "/run/netns/web",
  labels: { app: "web" },
  address: "192.168.0.9",
};
const place = {} as Place;

function runtime(
  answer: (execution: Execution) => Partial<ExecutionResult>,
  files: Record<string, string> = { "10-calico.conflist": JSON.stringify(conflist), "99-other.conf": "{}", README: "" },
  missing: readonly string[] = ["portmap"],
) {
  const calls: Execution[] = [];
  const cni = new CniRuntime({
    programs: {
      execute: async (_place, execution) => {
        calls.push(execution);
        return { code: 0, signal: undefined, stdout: "", stderr: "", ...answer(execution) };
      },
    },
    files: {
      list: () => Object.keys(files),
      read: (_place, file) => files[file.slice("/etc/cni/net.d/".length)],
      isExecutable: (_place, file) => !missing.some((name) => file.endsWith(`/${name}`)),
    },
  });
  return { cni, calls };
}

const result = { cniVersion: "0.3.1", ips: [{ version: "4", address: "192.168.0.9/32" }] };

test("ADD goes through the chain in order, each plugin given the result before it", async () => {
  const { cni, calls } = runtime(() => ({ stdout: JSON.stringify(result) }));
  assert.deepEqual(resultAddresses(await cni.add(place, sandbox)), ["192.168.0.9"]);
  assert.deepEqual(
    calls.map(({ file }) => file),
    ["/opt/cni/bin/calico", "/opt/cni/bin/tuning"],
  );
  assert.equal(
    calls[0]!.env["CNI_ARGS"],
    "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web;K8S_POD_INFRA_CONTAINER_ID=c0ffee;IP=192.168.0.9",
  );
  assert.deepEqual(
    [calls[0]!.env["CNI_COMMAND"], calls[0]!.env["CNI_NETNS"], calls[0]!.env["CNI_IFNAME"]],
    ["ADD", "/run/netns/web", "eth0"],
  );
  const [first, second] = calls.map(({ stdin }) => JSON.parse(stdin));
  assert.deepEqual(first.args, { cni: { labels: [{ key: "app", value: "web" }] } });
  assert.equal(first.prevResult, undefined);
  assert.deepEqual(second.prevResult, result);
  assert.deepEqual([second.name, second.cniVersion], ["k8s-pod-network", "0.3.1"]);
});

test("DEL goes through the chain backwards with the result of the ADD", async () => {
  const { cni, calls } = runtime(() => ({}), undefined, []);
  await cni.remove(place, sandbox, result);
  assert.deepEqual(
    calls.map(({ file }) => file),
    ["/opt/cni/bin/tuning", "/opt/cni/bin/portmap", "/opt/cni/bin/calico"],
  );
  assert.deepEqual(JSON.parse(calls[0]!.stdin).prevResult, result);
});

test("a refusal carries the plugin's code and words, a crash what it left on standard error", async () => {
  const refused = runtime(() => ({ code: 1, stdout: '{"code":11,"msg":"no address","details":"pool is full"}' }));
  await assert.rejects(refused.cni.add(place, sandbox), {
    code: "cni",
    message: "plugin calico refuses ADD: no address: pool is full",
    detail: { plugin: "calico", command: "ADD", cniCode: 11 },
  });
  const crashed = runtime(() => ({ code: undefined, signal: "SIGSEGV" }));
  await assert.rejects(crashed.cni.add(place, sandbox), { message: "plugin calico refuses ADD: ended by SIGSEGV" });
});

test("a folder without a network configuration, and one that is malformed, are told apart", () => {
  assert.throws(() => runtime(() => ({}), { README: "" }).cni.config(place), { code: "noNetwork" });
  for (const text of ["{", "[]", '{"name":"x"}', '{"name":"x","plugins":[{}]}', '{"plugins":[{"type":"a"}]}']) {
    assert.throws(() => runtime(() => ({}), { "a.conflist": text }).cni.config(place), { code: "badNetwork" }, text);
  }
});
