/** What changes on a host's interfaces, by `ip`, reaches the node: MTUs and devices always, the address where it is detected. */
import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { type TestContext, test } from "node:test";
import { SystemClock, SystemWallClock } from "../../src/adapter/clock.ts";
import { objectOf, specOf } from "../../src/base/json-fields.ts";
import { formatPrefix } from "../../src/ip/prefix.ts";
import { LinkTable } from "../../src/kernel/link-table.ts";
import { Rtnetlink } from "../../src/kernel/rtnetlink.ts";
import { parseEnvironment } from "../../src/node/environment.ts";
import { readHostInterfaces } from "../../src/node/host-interfaces.ts";
import { HostWatch } from "../../src/node/host-watch.ts";
import { RouteReachability } from "../../src/node/reachability.ts";
import { type LocalNode, NodeStartup } from "../../src/node/startup.ts";
import { MemoryStore } from "../../src/testing/memory-store.ts";
import { namespaceFor, whyNoNamespaces } from "../../src/testing/netns.ts";
import { SilentLog } from "../../src/testing/silent-log.ts";

const skip = whyNoNamespaces() ?? false;

async function watched(t: TestContext, variables: Readonly<Record<string, string>>) {
  const namespace = namespaceFor(t);
  for (const words of [
    "link add ens5 mtu 1400 type veth peer name far5 mtu 1400",
    "link add ens6 type veth peer name far6",
    "link set ens5 up",
    "link set far5 up",
    "link set ens6 up",
    "link set far6 up",
    "address add 10.30.0.206/24 dev ens5",
  ]) {
    namespace.ip(words);
  }
  const clock = new SystemClock();
  const log = new SilentLog();
  const rtnetlink = new Rtnetlink(namespace.net, clock);
  t.after(() => rtnetlink.close());
  const links = new LinkTable(rtnetlink);
  await links.start();
  t.after(() => links.close());
  const store = new MemoryStore();
  const startup = new NodeStartup({
    environment: parseEnvironment({ NODENAME: "worker-1", CALICO_NETWORKING_BACKEND: "vxlan", ...variables }),
    store,
    hostFacts: { hostname: () => "worker-1", interfaces: () => readHostInterfaces(rtnetlink) },
    hostFiles: {
      readNodeName: () => undefined,
      writeNodeName: () => undefined,
      writeMtu: () => undefined,
      readFelixFile: () => undefined,
      readSecret: () => undefined,
    },
    reachability: new RouteReachability(rtnetlink, {
      resolve: () => Promise.reject(new Error("no names here")),
    }),
    clock,
    wallClock: new SystemWallClock(),
    log,
    newUid: () => "0000",
    version: "v3.32.1",
  });
  const started = await startup.run();
  const heard = new EventEmitter();
  const told: LocalNode[] = [];
  const watch = new HostWatch(
    {
      startup,
      rtnetlink,
      links,
      clock,
      log,
      isOurs: (name) => name.startsWith("cali"),
      detectEveryMs: variables["IP"] === "autodetect" ? 3_600_000 : undefined,
      node: () => started.node.value,
    },
    (local) => {
      told.push(local);
      heard.emit("told");
    },
  );
  t.after(() => watch.close());
  watch.start();
  watch.registered(started);
  /** Runs `ip` and waits until what is known then is accepted. */
  const after = async (commands: readonly string[], accept: (local: LocalNode) => boolean): Promise<LocalNode> => {
    for (const words of commands) namespace.ip(words);
    for (;;) {
      const last = told.at(-1);
      if (last && accept(last)) return last;
      await once(heard, "told", { signal: AbortSignal.timeout(20_000) });
    }
  };
  const advertised = async () => {
    const node = await store.get({ kind: "Node", name: "worker-1" });
    return objectOf(specOf(node?.value)["bgp"])["ipv4Address"];
  };
  return { namespace, after, advertised, told, store, log };
}

const mtuOf = ({ interfaces }: LocalNode, device: string) => interfaces.find(({ name }) => name === device)?.mtu;
const localOf = ({ addresses }: LocalNode) => {
  const local = addresses.ipv4?.local;
  return local && `${formatPrefix(local)} ${local.device}`;
};

for (const [setting, variables] of [
  ["unset", {}],
  ["explicit", { IP: "10.30.0.206" }],
  ["autodetect", { IP: "autodetect" }],
] as const) {
  test(`with IP ${setting}, a changed MTU and a moved address are heard`, { skip }, async (t) => {
    const { namespace, after, advertised, told } = await watched(t, variables);
    await after(["link set ens5 mtu 1300"], (local) => mtuOf(local, "ens5") === 1300);
    namespace.ip("link add cali123 type veth peer name cali456");
    await after(
      ["address del 10.30.0.206/24 dev ens5", "address add 10.30.0.206/24 dev ens6"],
      (local) => localOf(local) === "10.30.0.206/24 ens6",
    );
    assert.equal(await advertised(), "10.30.0.206/24");
    await after(
      ["address del 10.30.0.206/24 dev ens6", "address add 10.40.0.7/16 dev ens6"],
      (local) => localOf(local) === "10.40.0.7/16 ens6",
    );
    assert.equal(await advertised(), setting === "autodetect" ? "10.40.0.7/16" : "10.30.0.206/24");
    const names = told.flatMap(({ interfaces }) => interfaces.map(({ name }) => name));
    assert.deepEqual([...new Set(names)].sort(), ["ens5", "ens6", "far5", "far6", "lo"], "pods' devices are left out");
  });
}

test("an address that changes while the store is away is written when it is back", { skip }, async (t) => {
  const { after, advertised, store, log } = await watched(t, { IP: "autodetect" });
  await after(["link set ens5 mtu 1300"], (local) => mtuOf(local, "ens5") === 1300);
  store.isAway = true;
  await after(["address del 10.30.0.206/24 dev ens5", "address add 10.40.0.7/16 dev ens5"], ({ interfaces }) =>
    interfaces.some(({ addresses }) => addresses.some((one) => formatPrefix(one) === "10.40.0.7/16")),
  );
  store.isAway = false;
  await after([], (local) => localOf(local) === "10.40.0.7/16 ens5");
  assert.equal(await advertised(), "10.40.0.7/16");
  const told = log.lines.filter(({ message }) => message.startsWith("the address stays as it was"));
  assert.equal(told.length, 1);
});
