import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Ipam } from "../ipam/ipam.ts";
import type { NetNamespace } from "../port/namespaces.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { MemoryStore } from "../testing/memory-store.ts";
import { poolObject, stored } from "../testing/objects.ts";
import { SilentLog } from "../testing/silent-log.ts";
import { CniServer } from "./server.ts";

/** A server on a host where every pod's namespace is gone already. */
async function server(): Promise<{ server: CniServer; store: MemoryStore }> {
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
    server: new CniServer({
      ...deps,
      ipam: new Ipam(deps),
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
    { numRuns: 400 },
  );
  for (const { key } of (await store.list({ kind: "WorkloadEndpoint" })).objects) assert.fail(key.name);
});

test("the program install has the files written again", async () => {
  const { server: cni } = await server();
  assert.deepEqual(await cni.handle({ program: "install", env: {}, stdin: "" }), {
    exitCode: 0,
    stdout: "written: nothing\n",
  });
});
