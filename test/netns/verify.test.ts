/**
 * `verify` against iproute2, bridge and nft: a real kernel is brought to what is compiled by drivers that then hear
 * nothing more, so that nothing is put back; foreign hands damage it at random; `verify` must name exactly what the tools
 * say has changed, and nothing foreign. fast-check prints the seed of a run that fails.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SystemClock } from "../../src/adapter/clock.ts";
import type { Drivers } from "../../src/dataplane/item-tables.ts";
import { verify } from "../../src/insight/verify.ts";
import type { Driver } from "../../src/reconcile/driver.ts";
import { MemoryStore } from "../../src/testing/memory-store.ts";
import { namespaceFor, type TestNamespace, whyNoNamespaces } from "../../src/testing/netns.ts";
import { blockObject, endpointObject, nodeObject, poolObject } from "../../src/testing/objects.ts";
import { runs } from "../../src/testing/runs.ts";
import { SilentLog } from "../../src/testing/silent-log.ts";
import { eventually } from "../scenario/eventually.ts";
import { agentOnHost } from "./agent-on-host.ts";
import { outsideView, SETTINGS } from "./outside-view.ts";

const RUNS = runs(20);

const OBJECTS = [
  poolObject("default-ipv4-ippool", "192.168.0.0/16"),
  nodeObject("worker-1", "10.30.0.206/24", "192.168.226.64"),
  nodeObject("worker-2", "10.30.0.56/24", "192.168.133.192"),
  nodeObject("worker-3", "10.30.1.66/24", "192.168.97.192"),
  blockObject("192.168.226.64/26", "worker-1"),
  blockObject("192.168.133.192/26", "worker-2"),
  blockObject("192.168.97.192/26", "worker-3"),
  endpointObject("worker-1", "pod-1", "192.168.226.65", "cali123"),
  endpointObject("worker-1", "pod-2", "192.168.226.66", "cali456"),
];

/** What a hand can do to objects of ours. */
const DAMAGE = [
  "ip link set vxlan.calico down",
  "ip link set vxlan.calico mtu 1300",
  "ip link set vxlan.calico address 66:00:00:00:00:01",
  "ip link del vxlan.calico",
  "ip address del 192.168.226.64/32 dev vxlan.calico",
  "ip address add 10.66.0.1/24 dev vxlan.calico",
  "ip route del 192.168.133.192/26",
  "ip route replace 192.168.133.192/26 via 192.168.97.192 dev vxlan.calico onlink",
  "ip route add 192.168.240.0/26 via 192.168.97.192 dev vxlan.calico onlink",
  "ip route del blackhole 192.168.226.64/26",
  "ip route add blackhole 192.168.241.0/26 proto 80",
  "ip route del 192.168.226.65/32",
  "ip route add 192.168.226.99/32 dev cali456 scope link",
  "ip link set cali123 down",
  "ip neigh del 192.168.133.192 dev vxlan.calico",
  "ip neigh replace 192.168.97.192 lladdr 66:00:00:00:00:02 dev vxlan.calico nud permanent",
  "ip neigh add 192.168.1.1 lladdr 66:00:00:00:00:03 dev vxlan.calico nud permanent",
  "bridge fdb add 66:00:00:00:00:04 dev vxlan.calico dst 10.30.0.9 self permanent",
  "bridge fdb flush dev vxlan.calico",
  "nft delete table ip calico",
  "nft flush chain ip calico nat-cali-POSTROUTING",
  "nft add chain ip calico mine",
  "nft add element ip calico cali40all-ipam-pools { 10.66.0.0/16 }",
  ...SETTINGS.map((path) => `sysctl -w ${path}=${path.endsWith("proxy_delay") ? 9 : 0}`),
] as const;

/** What a hand does to objects that are not ours. */
const FOREIGN = [
  "ip route replace 10.99.0.0/16 dev ens5 proto static",
  "ip route replace blackhole 10.98.0.0/16 proto static",
  "ip neigh replace 10.30.0.77 lladdr 02:00:00:00:00:07 dev ens5 nud permanent",
  "ip address replace 10.77.0.1/24 dev ens5",
  "nft add table ip other",
  "ip link add docker9 type bridge",
] as const;

/** A driver that acts and reads, and is told of nothing. */
const deaf = <V>(driver: Driver<V>): Driver<V> => ({
  name: driver.name,
  readOwned: () => driver.readOwned(),
  equal: (desired, actual) => driver.equal(desired, actual),
  apply: (ops) => driver.apply(ops),
  watch: () => undefined,
  close: () => driver.close(),
});

const allDeaf = (drivers: Drivers): Drivers =>
  Object.fromEntries(
    Object.entries(drivers).map(([kind, driver]) => [kind, deaf(driver as Driver<unknown>)]),
  ) as unknown as Drivers;

/** A host with a NIC and the ends of two pods. */
function furnish(host: TestNamespace): void {
  for (const [name, peer] of [
    ["ens5", "ens5p"],
    ["cali123", "pod1"],
    ["cali456", "pod2"],
  ]) {
    host.ip(`link add ${name} type veth peer name ${peer}`);
    host.ip(`link set ${name} up`);
    host.ip(`link set ${peer} up`);
  }
  host.ip("address add 10.30.0.206/24 dev ens5");
}

/** Some hands come too late: what they reach for is gone by then. */
function attempt(host: TestNamespace, command: string): void {
  const [tool = "", ...words] = command.split(" ");
  try {
    host.run(tool, ...words);
  } catch (failure) {
    if (!(failure instanceof Error && "status" in failure)) throw failure;
  }
}

test("verify names exactly what foreign hands have changed", { skip: whyNoNamespaces() ?? false }, async (t) => {
  const host = namespaceFor(t);
  furnish(host);
  const clock = new SystemClock();
  const log = new SilentLog();
  const store = new MemoryStore();
  await store.write(OBJECTS.map(({ key, value }) => ({ op: "put" as const, key, value })));
  const { agent, kernel } = await agentOnHost(t, host, { store, clock, log, driversOf: allDeaf });
  const { dataplane, view } = agent;
  await eventually(() => dataplane.applied());

  const differences = async () => (await verify(dataplane, kernel.drivers, view, clock)).differences;
  assert.deepEqual(await differences(), []);
  const intact = outsideView(host);
  assert.ok(intact.size >= 15, "the tools see what was made");

  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.constantFrom(...DAMAGE), { minLength: 1, maxLength: 4 }),
      fc.uniqueArray(fc.constantFrom(...FOREIGN), { maxLength: 2 }),
      async (damage, foreign) => {
        for (const command of [...damage, ...foreign]) attempt(host, command);
        const expected = changes(intact, outsideView(host));
        const found = (await differences()).map(({ kind, key, found: how }) => `${how} ${kind} ${key}`).sort();
        assert.deepEqual(found, expected);
        dataplane.resync("the next round");
        await dataplane.applied();
        host.ip("link set cali123 up");
        dataplane.resync("a device is up again");
        await dataplane.applied();
        assert.deepEqual(await differences(), [], "all is put back");
        assert.deepEqual(outsideView(host), intact);
      },
    ),
    { numRuns: RUNS },
  );
});

function changes(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): readonly string[] {
  const found: string[] = [];
  for (const [key, value] of before) {
    const now = after.get(key);
    if (now === undefined) found.push(`missing ${key}`);
    else if (now !== value) found.push(`different ${key}`);
  }
  for (const key of after.keys()) if (!before.has(key)) found.push(`unexpected ${key}`);
  return found.sort();
}
