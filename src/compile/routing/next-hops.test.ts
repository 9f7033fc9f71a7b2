import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatAddress, type IpAddress, ipv4Of, parseAddress } from "../../ip/address.ts";
import { contains, formatPrefix, parsePrefix, prefixOf } from "../../ip/prefix.ts";
import { runs } from "../../testing/runs.ts";
import type { RouteItem } from "../node-state.ts";
import { NextHops, type Resolution } from "./next-hops.ts";

const make = (): NextHops => new NextHops({ leavesOut: ({ protocol }) => protocol === 12 });

const route = (over: Partial<RouteItem> & Pick<RouteItem, "destination">): RouteItem => ({
  table: 254,
  type: "unicast",
  protocol: 4,
  scope: 0,
  metric: 0,
  nextHops: [{ device: "ens5" }],
  ...over,
});
const gateway = (text: string) => [{ device: "ens5", gateway: parseAddress(text) }];

const words = (resolution: Resolution): string =>
  "unreachable" in resolution
    ? resolution.unreachable
    : resolution.hops
        .map((hop) => `via ${hop.gateway === undefined ? "" : formatAddress(hop.gateway)} ${hop.device}`)
        .join(", ");

test("a next hop on the link is its own gateway, one beyond it is reached by the gateway, none at all says so", () => {
  const table = make();
  const near = parseAddress("10.30.0.56");
  const far = parseAddress("10.30.1.66");
  assert.equal(words(table.use(near)), "no route leads to it");
  assert.deepEqual(table.set(route({ destination: "10.30.0.0/24" })), [near]);
  assert.equal(words(table.resolve(near)), "via 10.30.0.56 ens5");
  assert.equal(words(table.use(far)), "no route leads to it");
  assert.deepEqual(table.set(route({ destination: "0.0.0.0/0", nextHops: gateway("10.30.0.1") })), [far]);
  assert.equal(words(table.resolve(far)), "via 10.30.0.1 ens5");
  assert.deepEqual(table.remove(route({ destination: "10.30.0.0/24" })), [near]);
  assert.equal(words(table.resolve(near)), "via 10.30.0.1 ens5");
});

test("our own routes and other tables lead no next hop anywhere", () => {
  const table = make();
  const far = parseAddress("10.30.1.66");
  table.set(route({ destination: "0.0.0.0/0", nextHops: gateway("10.30.0.1") }));
  table.use(far);
  assert.deepEqual(table.set(route({ destination: "10.30.1.0/24", protocol: 12 })), []);
  assert.deepEqual(table.set(route({ destination: "10.30.1.66/32", table: 100 })), []);
  assert.equal(words(table.resolve(far)), "via 10.30.0.1 ens5");
});

test("of several routes with one destination the lowest metric counts, and a blackhole leads nowhere", () => {
  const table = make();
  const far = parseAddress("10.30.1.66");
  table.use(far);
  table.set(route({ destination: "10.30.1.0/24", metric: 200, nextHops: gateway("10.30.0.2") }));
  assert.deepEqual(table.set(route({ destination: "10.30.1.0/24", metric: 100, nextHops: gateway("10.30.0.3") })), [
    far,
  ]);
  assert.equal(words(table.resolve(far)), "via 10.30.0.3 ens5");
  table.set(route({ destination: "10.30.1.66/32", type: "blackhole", nextHops: [] }));
  assert.equal(words(table.resolve(far)), "the route to 10.30.1.66/32 is blackhole");
});

test("a next hop that nobody uses any more is forgotten with its last user", () => {
  const table = make();
  const hop = parseAddress("10.30.0.56");
  table.use(hop);
  table.use(hop);
  table.release(hop);
  assert.deepEqual(table.set(route({ destination: "10.30.0.0/24" })), [hop]);
  table.release(hop);
  assert.deepEqual(table.remove(route({ destination: "10.30.0.0/24" })), []);
  assert.deepEqual(table.inUse, []);
});

test("what is left out may change, and is looked at when somebody says so", () => {
  const ours = new Set([12]);
  const table = new NextHops({ leavesOut: ({ protocol }) => ours.has(protocol) });
  const hop = parseAddress("10.30.0.56");
  table.use(hop);
  assert.deepEqual(table.set(route({ destination: "10.30.0.0/24", protocol: 12 })), []);
  ours.clear();
  assert.deepEqual(table.reconsider(), [hop]);
  assert.deepEqual(table.reconsider(), []);
});

const prefix = fc
  .tuple(fc.nat(15), fc.constantFrom(0, 26, 28, 30, 32))
  .map(([low, length]) => formatPrefix(prefixOf(ipv4Of(0x0a000000 + low), length)));
const step = fc.record({
  kind: fc.constantFrom("set", "set", "remove", "use", "release"),
  destination: prefix,
  metric: fc.constantFrom(0, 100),
  protocol: fc.constantFrom(4, 12),
  type: fc.constantFrom("unicast" as const, "unicast" as const, "blackhole" as const),
  gateway: fc.option(fc.nat(15), { nil: undefined }),
  hop: fc.nat(15).map((low) => ipv4Of(0x0a000000 + low)),
});

/** The slow and obvious way: all routes, each time. */
function naive(routes: readonly RouteItem[], hop: IpAddress): string {
  const [best] = routes
    .filter(({ protocol, destination }) => protocol !== 12 && contains(parsePrefix(destination), hop))
    .sort((a, b) => parsePrefix(b.destination).length - parsePrefix(a.destination).length || a.metric - b.metric);
  if (!best) return "no route leads to it";
  if (best.type !== "unicast") return `the route to ${best.destination} is ${best.type}`;
  return words({ hops: best.nextHops.map((each) => ({ ...each, gateway: each.gateway ?? hop })) });
}

test("whatever changes, every next hop leads where the whole table says, and every one that changed is named", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (history) => {
      const table = new NextHops({ leavesOut: ({ protocol }) => protocol === 12 });
      const routes = new Map<string, RouteItem>();
      const users = new Map<IpAddress, number>();
      const seen = new Map<IpAddress, string>();
      for (const { kind, destination, metric, protocol, type, gateway: low, hop } of history) {
        const key = `${destination} ${metric}`;
        let changed: readonly IpAddress[] = [];
        if (kind === "set") {
          const nextHops =
            type === "unicast" ? [{ device: "ens5", ...(low === undefined ? {} : { gateway: ipv4Of(low) }) }] : [];
          const item = route({ destination, metric, protocol, type, nextHops });
          routes.set(key, item);
          changed = table.set(item);
        } else if (kind === "remove") {
          routes.delete(key);
          changed = table.remove({ table: 254, destination, metric });
        } else if (kind === "use") {
          users.set(hop, (users.get(hop) ?? 0) + 1);
          seen.set(hop, words(table.use(hop)));
        } else if ((users.get(hop) ?? 0) > 0) {
          users.set(hop, (users.get(hop) ?? 0) - 1);
          table.release(hop);
        }
        for (const [each, count] of users) {
          if (count === 0) continue;
          const now = words(table.resolve(each));
          assert.equal(now, naive([...routes.values()], each));
          assert.equal(changed.includes(each), seen.get(each) !== now);
          seen.set(each, now);
        }
      }
    }),
    { numRuns: runs(500) },
  );
});
