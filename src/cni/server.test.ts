import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Ipam } from "../ipam/ipam.ts";
import { TakenDevices } from "../kernel/taken-devices.ts";
import type { NetNamespace } from "../port/namespaces.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { MemoryStore } from "../testing/memory-store.ts";
import { poolObject, stored } from "../testing/objects.ts";
import { runs } from "../testing/runs.ts";
import { SilentLog } from "../testing/silent-log.ts";
import type { PluginCall } from "../wire/plugin-call.ts";
import { CniServer } from "./server.ts";

/** A server on a host where every pod's namespace is gone already. */
async function server(): Promise<{ server: CniServer; store: MemoryStore; log: SilentLog }> {
  const store = new MemoryStore();
  for (const { key, value } of [
    poolObject("p", "10.1.0.0/24"),
    stored("ClusterInformation", "default", { spec: { datastoreReady: true } }),
  ]) {
    await store.write([{ op: "put", key, value }]);
  }
  const clock = new FakeClock();
  const log = new SilentLog();
  const deps = { store, clock, wallClock: clock.wall, log };
  return {
    store,
    log,
    server: new CniServer({
      ...deps,
      ipam: new Ipam(deps),
      taken: new TakenDevices(clock),
      namespaces: { own: () => ({}) as NetNamespace, open: () => undefined },
      nodeName: "n",
      podMtu: () => 1450,
      ready: () => ({ ok: true }),
      endpoints: { changed: async () => undefined, removed: async () => undefined },
      random: { uuid: () => "uid" },
      openLog: () => log,
      install: async () => "written: nothing",
    }),
  };
}

const anything = fc.oneof(fc.jsonValue(), fc.constantFrom("calico-ipam", "k8s", "1.0.0", "true", 1500));
const config = fc.record(
  {
    cniVersion: fc.oneof(fc.constantFrom("0.1.0", "0.4.0", "1.1.0"), anything),
    name: fc.oneof(fc.constant("net"), anything),
    ipam: fc.oneof(
      fc.record({ type: fc.constant("calico-ipam"), ipv4_pools: anything, assign_ipv4: anything }),
      anything,
    ),
    mtu: anything,
    policy: anything,
    args: anything,
    prevResult: anything,
    container_settings: anything,
    "cni.dev/valid-attachments": anything,
  },
  { requiredKeys: [] },
);
const stdin = fc.oneof(
  fc.string(),
  fc.json(),
  config.map((value) => JSON.stringify(value)),
);
const env = fc.record(
  {
    CNI_COMMAND: fc.oneof(fc.constantFrom("ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION"), fc.string()),
    CNI_CONTAINERID: fc.oneof(fc.constant("abc"), fc.string()),
    CNI_NETNS: fc.oneof(fc.constant("/var/run/netns/x"), fc.string()),
    CNI_IFNAME: fc.oneof(fc.constant("eth0"), fc.string()),
    CNI_ARGS: fc.oneof(fc.constant("K8S_POD_NAME=a;K8S_POD_NAMESPACE=b"), fc.string()),
  },
  { requiredKeys: [] },
);

test("any call is answered: success, or an error result with code and message; and nothing is held afterwards", async () => {
  const { server: cni, store } = await server();
  const program = fc.constantFrom("calico", "calico-ipam", "install", "");
  await fc.assert(
    fc.asyncProperty(program, env, stdin, async (name, variables, text) => {
      const answer = await cni.handle({ program: name, env: variables as Record<string, string>, stdin: text });
      if (answer.exitCode === 0) return;
      const error = JSON.parse(answer.stdout);
      assert.equal(typeof error.code, "number");
      assert.ok(error.msg.length > 0);
      assert.notEqual(error.code, 100, `an unforeseen failure: ${error.msg}`);
    }),
    { numRuns: runs(400) },
  );
  for (const { key } of (await store.list({ kind: "WorkloadEndpoint" })).objects) assert.fail(key.name);
});

test("a version that is no text is refused by what it is, however large a number", async () => {
  const { server: cni } = await server();
  const env = { CNI_COMMAND: "STATUS" };
  for (const version of ["9007199254740993", "[9007199254740993]", "true"]) {
    const answer = await cni.handle({ program: "calico", env, stdin: `{"cniVersion":${version}}` });
    const { code, msg } = JSON.parse(answer.stdout);
    assert.equal(code, 1, msg);
    assert.ok(msg.includes(version.replaceAll(/[[\]]/g, "")), msg);
  }
});

test("the program install has the files written again", async () => {
  const { server: cni } = await server();
  assert.deepEqual(await cni.handle({ program: "install", env: {}, stdin: "" }), {
    exitCode: 0,
    stdout: "written: nothing\n",
  });
});

const netConf = JSON.stringify({ cniVersion: "1.1.0", name: "net", type: "calico", ipam: { type: "calico-ipam" } });
const podCall = (command: string): PluginCall => ({
  program: "calico",
  env: {
    CNI_COMMAND: command,
    CNI_CONTAINERID: "abc",
    CNI_NETNS: "/var/run/netns/gone",
    CNI_IFNAME: "eth0",
    CNI_ARGS: "K8S_POD_NAME=a;K8S_POD_NAMESPACE=b",
    CNI_PATH: "/opt/cni/bin",
  },
  stdin: netConf,
});

test("a store that is away: STATUS says that new pods cannot come (50), every other call that it may be tried again (11)", async () => {
  const { server: cni, store } = await server();
  const codeOf = async (command: string) => JSON.parse((await cni.handle(podCall(command))).stdout).code;
  assert.equal((await cni.handle(podCall("STATUS"))).exitCode, 0);
  store.isAway = true;
  assert.equal(await codeOf("STATUS"), 50);
  for (const command of ["ADD", "DEL", "CHECK", "GC"]) assert.equal(await codeOf(command), 11, command);
});

test("a failed call is told once", async () => {
  const { server: cni, store, log } = await server();
  const told = async (call: PluginCall) => {
    const from = log.lines.length;
    assert.equal((await cni.handle(call)).exitCode, 1);
    return log.lines.slice(from).filter(({ level }) => level === "error" || level === "warn");
  };
  const [gone, ...more] = await told(podCall("ADD"));
  assert.deepEqual([gone?.level, gone?.fields["code"], gone?.fields["pod"], more], ["error", 4, "b/a", []]);
  const [early, ...others] = await told({ ...podCall("ADD"), stdin: "no JSON" });
  assert.deepEqual([early?.level, early?.fields["code"], others], ["warn", 6, []]);
  store.isAway = true;
  assert.equal((await told(podCall("DEL"))).length, 1);
});
