import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { describeRoute } from "../compile/describe.ts";
import type { Fragment } from "../compile/fragment.ts";
import { parseAddress } from "../ip/address.ts";
import { parsePrefix } from "../ip/prefix.ts";
import { prefixCode } from "../ip/prefix-code.ts";
import { ownsRoute } from "../reconcile/ownership.ts";
import { awsObjects, type BgpWorld, bgpWorld, birdLocal, hostRouteItem } from "../testing/bgp-world.ts";
import { poolObject, resourceObject } from "../testing/objects.ts";
import { runs } from "../testing/runs.ts";
import { LearnedRoutes } from "./learned-routes.ts";

const local = birdLocal("worker-1", "10.30.0.206/24", "ens5");
const code = (prefix: string) => prefixCode(parsePrefix(prefix));

/** worker-1 of founding scenario A, its learned routes, and what they have come to. */
class Host {
  readonly world: BgpWorld;
  readonly learned: LearnedRoutes;
  readonly fragments = new Map<string, Fragment>();
  decided = 0;

  constructor(ipipMode: string) {
    this.world = bgpWorld(local, awsObjects(ipipMode));
    const { view } = this.world.compiler;
    const prefixes = () => view.ownRanges();
    const ownership = { workloadPrefixes: ["cali"], tunnels: ["tunl0"], removesExternal: () => true, prefixes };
    this.learned = new LearnedRoutes({ view, owns: (route) => ownsRoute(ownership, route) });
  }

  hears(prefix: string, ...nextHops: readonly string[]): void {
    this.learned.best(code(prefix), nextHops.map(parseAddress));
  }

  /** What is written now. */
  lines(): string[] {
    this.world.compiler.flush(10_000, (key) => this.learned.compiled(key));
    this.learned.flush(10_000, (key, fragment) => {
      this.decided++;
      this.fragments.set(key, fragment);
    });
    return [...this.fragments.values()]
      .flatMap(({ routes = [] }) => routes.map(({ route }) => describeRoute(route)))
      .sort();
  }
}

test("a mode of the pool that changes changes every learned route in place", () => {
  const host = new Host("Always");
  host.learned.kernelRoute(hostRouteItem("default via 10.30.0.1 dev ens5"));
  host.learned.kernelRoute(hostRouteItem("10.30.0.0/24 dev ens5"));
  host.hears("192.168.133.192/26", "10.30.0.56");
  host.hears("192.168.97.192/26", "10.30.1.66");
  assert.deepEqual(host.lines(), [
    "192.168.133.192/26 via 10.30.0.56 dev tunl0 proto bird onlink",
    "192.168.97.192/26 via 10.30.1.66 dev tunl0 proto bird onlink",
  ]);
  host.world.put(poolObject("default-ipv4-ippool", "192.168.0.0/16", { ipipMode: "Never", vxlanMode: "Never" }));
  assert.deepEqual(host.lines(), [
    "192.168.133.192/26 via 10.30.0.56 dev ens5 proto bird",
    "192.168.97.192/26 via 10.30.0.1 dev ens5 proto bird",
  ]);
});

test("a route of the host that changes decides again over what hangs on it, and over nothing else", () => {
  const host = new Host("Never");
  host.learned.kernelRoute(hostRouteItem("default via 10.30.0.1 dev ens5"));
  host.learned.kernelRoute(hostRouteItem("10.30.0.0/24 dev ens5"));
  host.hears("192.168.133.192/26", "10.30.0.56");
  host.hears("192.168.97.192/26", "10.30.1.66");
  host.lines();
  const before = host.decided;
  host.learned.kernelRoute(hostRouteItem("10.30.1.0/24 via 10.30.0.2 dev ens5"));
  assert.deepEqual(host.lines(), [
    "192.168.133.192/26 via 10.30.0.56 dev ens5 proto bird",
    "192.168.97.192/26 via 10.30.0.2 dev ens5 proto bird",
  ]);
  assert.equal(host.decided, before + 1);
  host.learned.kernelRouteGone({ table: 254, destination: "10.30.1.0/24", metric: 0 });
  host.learned.kernelRouteGone({ table: 254, destination: "0.0.0.0/0", metric: 0 });
  assert.deepEqual(host.lines(), ["192.168.133.192/26 via 10.30.0.56 dev ens5 proto bird"]);
  assert.deepEqual(host.learned.why(code("192.168.97.192/26")), {
    rejected: "next hop 10.30.1.66: no route leads to it",
  });
  host.learned.kernelRoute(hostRouteItem("default via 10.30.0.1 dev ens5"));
  assert.equal(host.lines().length, 2);
});

test("a route that was withdrawn is gone, and nothing hangs on its next hop any more", () => {
  const host = new Host("Never");
  host.learned.kernelRoute(hostRouteItem("10.30.0.0/24 dev ens5"));
  host.hears("192.168.133.192/26", "10.30.0.56");
  assert.equal(host.lines().length, 1);
  host.hears("192.168.133.192/26");
  assert.deepEqual(host.lines(), []);
  assert.equal(host.learned.why(code("192.168.133.192/26")), undefined);
  host.learned.kernelRouteGone({ table: 254, destination: "10.30.0.0/24", metric: 0 });
  assert.equal(host.learned.pending, 0);
  assert.deepEqual(host.learned.nextHopsInUse, []);
});

test("the subnet of an interface that is ignored leads to no next hop; a route through it by a gateway does", () => {
  const host = new Host("Never");
  host.learned.kernelRoute(hostRouteItem("default via 10.30.0.1 dev ens5"));
  host.learned.kernelRoute(hostRouteItem("10.30.0.0/23 dev br-3f0c"));
  host.hears("192.168.97.192/26", "10.30.1.66");
  const ignoring = (...ignoredInterfaces: readonly string[]) => {
    host.world.put(resourceObject("BGPConfiguration", "default", { ignoredInterfaces }));
    return host.lines();
  };
  assert.deepEqual(host.lines(), ["192.168.97.192/26 via 10.30.1.66 dev br-3f0c proto bird"]);
  assert.deepEqual(ignoring("docker0", "br-*"), ["192.168.97.192/26 via 10.30.0.1 dev ens5 proto bird"]);
  host.learned.kernelRoute(hostRouteItem("10.30.1.0/24 via 10.30.0.9 dev br-3f0c"));
  assert.deepEqual(host.lines(), ["192.168.97.192/26 via 10.30.0.9 dev br-3f0c proto bird"]);
  host.learned.kernelRouteGone({ table: 254, destination: "10.30.1.0/24", metric: 0 });
  assert.deepEqual(ignoring("docker0"), ["192.168.97.192/26 via 10.30.1.66 dev br-3f0c proto bird"]);
});

test("prefixes that share a next hop change together", () => {
  const host = new Host("Never");
  host.learned.kernelRoute(hostRouteItem("default via 10.30.0.1 dev ens5"));
  host.hears("192.168.8.0/26", "10.30.1.66");
  host.hears("192.168.9.0/26", "10.30.1.66");
  assert.equal(host.lines().length, 2);
  assert.equal(host.learned.nextHopsInUse.length, 1);
  host.learned.kernelRouteGone({ table: 254, destination: "0.0.0.0/0", metric: 0 });
  assert.deepEqual(host.lines(), []);
});

test("a route that stops being ours leads next hops as any other", () => {
  const host = new Host("Never");
  const advertise = (cidr: string) =>
    host.world.put(
      resourceObject("BGPConfiguration", "default", { prefixAdvertisements: [{ cidr, communities: ["1:2"] }] }),
    );
  advertise("10.200.0.0/16");
  host.learned.kernelRoute(hostRouteItem("default via 10.30.0.1 dev ens5"));
  host.learned.kernelRoute({ ...hostRouteItem("10.200.0.0/16 via 10.30.0.9 dev ens5"), protocol: 12 });
  host.hears("192.168.9.0/26", "10.200.0.7");
  assert.deepEqual(host.lines(), ["192.168.9.0/26 via 10.30.0.1 dev ens5 proto bird"]);
  advertise("10.201.0.0/16");
  assert.deepEqual(host.lines(), ["192.168.9.0/26 via 10.30.0.9 dev ens5 proto bird"]);
});

const PREFIXES = ["192.168.133.192/26", "192.168.97.192/26", "192.168.226.64/26", "10.96.1.0/24"] as const;
const NEXT_HOPS = ["10.30.0.56", "10.30.1.66", "10.30.0.206"] as const;
const TABLE = [
  "default via 10.30.0.1 dev ens5",
  "10.30.0.0/24 dev ens5",
  "10.30.1.0/24 via 10.30.0.9 dev ens5",
] as const;
const step = fc.oneof(
  fc.record({
    kind: fc.constant("best" as const),
    prefix: fc.constantFrom(...PREFIXES),
    nextHops: fc.subarray([...NEXT_HOPS]),
  }),
  fc.record({ kind: fc.constant("kernel" as const), line: fc.constantFrom(...TABLE), isGone: fc.boolean() }),
  fc.record({ kind: fc.constant("pool" as const), ipipMode: fc.constantFrom("Never", "Always", "CrossSubnet") }),
  fc.record({ kind: fc.constant("services" as const), cidr: fc.constantFrom("10.96.0.0/12", "192.168.97.0/24") }),
);

test("whatever happens in whatever order, what is written is what one look at the end gives", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.nat(3), (history, every) => {
      const host = new Host("Never");
      const best = new Map<string, readonly string[]>();
      const table = new Map<string, string>();
      const objects = new Map<string, ReturnType<typeof poolObject>>();
      const put = (name: string, object: ReturnType<typeof poolObject>) => {
        objects.set(name, object);
        host.world.put(object);
      };
      for (const [index, one] of history.entries()) {
        if (one.kind === "best") {
          best.set(one.prefix, one.nextHops);
          host.hears(one.prefix, ...one.nextHops);
        } else if (one.kind === "kernel") {
          const item = hostRouteItem(one.line);
          if (one.isGone) table.delete(one.line);
          else table.set(one.line, one.line);
          if (one.isGone) host.learned.kernelRouteGone(item);
          else host.learned.kernelRoute(item);
        } else if (one.kind === "pool") {
          const spec = { ipipMode: one.ipipMode, vxlanMode: "Never" };
          put("pool", poolObject("default-ipv4-ippool", "192.168.0.0/16", spec));
        } else {
          put("bgp", resourceObject("BGPConfiguration", "default", { serviceClusterIPs: [{ cidr: one.cidr }] }));
        }
        if (index % (every + 1) === 0) host.lines();
      }
      const plain = new Host("Never");
      plain.world.put(...objects.values());
      for (const line of table.values()) plain.learned.kernelRoute(hostRouteItem(line));
      for (const [prefix, nextHops] of best) plain.hears(prefix, ...nextHops);
      assert.deepEqual(host.lines(), plain.lines());
    }),
    { numRuns: runs(300) },
  );
});
