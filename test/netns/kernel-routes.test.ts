import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { SystemClock } from "../../src/adapter/clock.ts";
import type { BestChange } from "../../src/bgp/rib/types.ts";
import { ipv4Of } from "../../src/ip/address.ts";
import { parsePrefix } from "../../src/ip/prefix.ts";
import { prefixCode, prefixCode4 } from "../../src/ip/prefix-code.ts";
import { Rtnetlink } from "../../src/kernel/rtnetlink.ts";
import { KernelRoutes } from "../../src/speaker/kernel/kernel-routes.ts";
import { attributesOf } from "../../src/testing/bgp-values.ts";
import { namespaceFor, type TestNamespace, whyNoNamespaces } from "../../src/testing/netns.ts";
import { SilentLog } from "../../src/testing/silent-log.ts";
import { eventually } from "../scenario/eventually.ts";

const skip = whyNoNamespaces();
const options = skip === undefined ? {} : { skip };

/** Enough for nexthop objects. */
const MANY = 600;
const GATEWAYS = 20;

const best = (prefix: string, ...gateways: readonly string[]): BestChange => ({
  prefix: prefixCode(parsePrefix(prefix)),
  routes: gateways.map((gateway) => ({
    attributes: attributesOf(gateway),
    session: "peer",
  })),
});

const block = (at: number): string => `32.0.${at >> 8}.${at & 255}/32`;

/** Many, over gateways of the wire. */
const many = (from = 0, to = MANY): BestChange[] =>
  Array.from({ length: to - from }, (_, at) => best(block(from + at), `10.9.1.${1 + ((from + at) % GATEWAYS)}`));

const gone = (changes: readonly BestChange[]): BestChange[] => changes.map(({ prefix }) => ({ prefix, routes: [] }));

interface RouteJson {
  readonly dst: string;
  readonly gateway?: string;
  readonly nhid?: number;
  readonly metric: number;
  readonly nexthops?: readonly { readonly gateway: string }[];
}

interface NexthopJson {
  readonly id: number;
  readonly gateway: string;
  readonly protocol?: string;
}

class Bed {
  readonly host: TestNamespace;
  readonly wire: TestNamespace;
  readonly log = new SilentLog();
  routes: KernelRoutes;
  #kill: () => void = () => undefined;

  constructor(t: TestContext) {
    t.after(() => this.#kill());
    this.host = namespaceFor(t);
    this.wire = namespaceFor(t);
    this.host.ip(`link add v0 type veth peer name v0 netns ${this.wire.path}`);
    this.host.ip("address add 10.9.0.1/16 dev v0");
    this.host.ip("address add fd09::1/64 dev v0 nodad");
    this.host.ip("link set v0 up");
    this.wire.ip("link set v0 up");
    this.routes = this.again();
  }

  /** As a process does that was killed and started again. */
  again(): KernelRoutes {
    this.#kill();
    const rtnetlink = new Rtnetlink(this.host.net, new SystemClock());
    const routes = new KernelRoutes(rtnetlink, this.log);
    this.#kill = () => {
      rtnetlink.close();
      void routes.clear();
    };
    this.routes = routes;
    return routes;
  }

  /** By `ip`, those of our protocol. */
  get inKernel(): RouteJson[] {
    return ["-4", "-6"].flatMap((family) => this.host.json<RouteJson>(`ip -j ${family} route show proto bgp`));
  }

  get objects(): NexthopJson[] {
    const all = this.host.json<NexthopJson>("ip -j nexthop show");
    return all.filter(({ id, protocol }) => id >>> 16 === 0x6f63 && protocol === "bgp");
  }

  /** `prefix via gateway`, with several gateways sorted. */
  get words(): string[] {
    return this.inKernel
      .map(({ dst, gateway, nexthops = [] }) => {
        const via = gateway === undefined ? nexthops.map((hop) => hop.gateway).sort() : [gateway];
        return `${dst} via ${via.join()}`;
      })
      .sort();
  }

  async holds(count: number, isShared: (route: RouteJson) => boolean = () => true): Promise<void> {
    await eventually(() => {
      const { inKernel } = this;
      assert.equal(inKernel.length, count, JSON.stringify(this.log.lines));
      assert.equal(inKernel.filter(isShared).length, count);
    });
  }
}

const byObject = ({ nhid }: RouteJson): boolean => nhid !== undefined;

async function bedFor(t: TestContext): Promise<Bed> {
  const bed = new Bed(t);
  assert.equal(await bed.routes.start(), false);
  return bed;
}

async function bedWithMany(t: TestContext): Promise<Bed> {
  const bed = await bedFor(t);
  bed.routes.changed(many());
  bed.routes.settled();
  await bed.holds(MANY, byObject);
  return bed;
}

test(
  "few routes are plain, many share an object for each gateway, which goes with the last of them",
  options,
  async (t) => {
    const bed = await bedFor(t);
    bed.routes.changed(many(0, 100));
    await bed.holds(100, (route) => !byObject(route));
    assert.deepEqual(bed.objects, []);
    bed.routes.changed(many(100));
    await eventually(() => assert.equal(bed.inKernel.filter(byObject).length, MANY - 100));
    assert.equal(bed.objects.length, GATEWAYS);
    bed.routes.changed(gone(many().filter((_, at) => at % GATEWAYS === 0)));
    await bed.holds(MANY - MANY / GATEWAYS);
    await eventually(() => assert.equal(bed.objects.length, GATEWAYS - 1));
    assert.deepEqual(bed.log.lines, []);
  },
);

test("a route whose gateway changes while it waits ends with the last", options, async (t) => {
  const bed = await bedWithMany(t);
  for (const gateway of ["10.9.2.1", "10.9.2.2", "10.9.2.3"]) {
    bed.routes.changed(many().map(({ prefix }) => ({ ...best("0.0.0.0/0", gateway), prefix })));
  }
  await eventually(() => assert.ok(bed.words.every((words) => words.endsWith("via 10.9.2.3"))));
  await eventually(() =>
    assert.deepEqual(
      bed.objects.map(({ gateway }) => gateway),
      ["10.9.2.3"],
    ),
  );
});

test("several gateways and one, IPv4 and IPv6, from one to the other", options, async (t) => {
  const bed = await bedWithMany(t);
  const two = [best("33.0.0.0/24", "10.9.3.1", "10.9.3.2"), best("fd33::/64", "fd09::31", "fd09::32")];
  const one = [best("33.0.0.0/24", "10.9.3.3"), best("fd33::/64", "fd09::33")];
  const told = (...gateways: readonly string[]): Promise<void> =>
    eventually(() => {
      const words = bed.words.filter((line) => /^(33|fd33)/.test(line));
      assert.deepEqual(words, [`33.0.0.0/24 via ${gateways[0]}`, `fd33::/64 via ${gateways[1]}`]);
    });
  for (const _ of [1, 2]) {
    bed.routes.changed(two);
    await told("10.9.3.1,10.9.3.2", "fd09::31,fd09::32");
    bed.routes.changed(one);
    await told("10.9.3.3", "fd09::33");
  }
  assert.equal(bed.inKernel.filter(byObject).length, MANY + 2);
  bed.routes.changed(gone(one));
  await bed.holds(MANY);
  assert.deepEqual(bed.log.lines, []);
});

test("a device that goes down takes routes and objects, both come back with it", options, async (t) => {
  const bed = await bedWithMany(t);
  bed.host.ip("link set v0 down");
  await eventually(() => assert.ok(bed.log.lines.length > 0));
  assert.deepEqual([bed.inKernel, bed.objects], [[], []]);
  bed.host.ip("link set v0 up");
  await bed.holds(MANY, byObject);
  assert.equal(bed.objects.length, GATEWAYS);
  const [line] = bed.log.lines;
  assert.equal(line?.message, "the kernel refused routes");
  assert.match(String(line?.fields["first"]), /^replace of route 32\.0\.\d+\.\d+\/32 via 10\.9\.1\.\d+: ENETUNREACH/);
});

test("a few plain routes come back too", options, async (t) => {
  const bed = await bedFor(t);
  bed.routes.changed([...many(0, 3), best("34.0.0.0/24", "10.9.3.1", "10.9.3.2")]);
  await bed.holds(4);
  bed.host.ip("link set v0 down");
  await eventually(() => assert.deepEqual(bed.inKernel, []));
  bed.host.ip("link set v0 up");
  await bed.holds(4);
  bed.host.ip("address del 10.9.0.1/16 dev v0");
  assert.deepEqual(bed.inKernel, []);
  bed.host.ip("address add 10.9.0.1/16 dev v0");
  await bed.holds(4);
});

test("without a carrier routes are plain", options, async (t) => {
  const bed = await bedWithMany(t);
  bed.wire.ip("link set v0 down");
  await eventually(() => assert.deepEqual(bed.objects, []));
  await bed.holds(MANY, (route) => !byObject(route));
  bed.wire.ip("link set v0 up");
  bed.routes.changed(many());
  await bed.holds(MANY);
});

test("what others remove is there again: objects, the device, its address", options, async (t) => {
  const bed = await bedWithMany(t);
  const { id } = bed.objects[0] as NexthopJson;
  bed.host.ip(`nexthop del id ${id}`);
  await bed.holds(MANY, byObject);
  assert.equal(bed.objects.length, GATEWAYS);
  bed.host.ip("nexthop flush");
  await bed.holds(MANY, byObject);
  bed.host.ip("nexthop flush");
  // Perhaps before that is told.
  bed.routes.changed(many());
  await bed.holds(MANY);
  bed.host.ip("link del v0");
  assert.deepEqual(bed.inKernel, []);
  bed.host.ip(`link add v9 type veth peer name v9 netns ${bed.wire.path}`);
  bed.wire.ip("link set v9 up");
  bed.host.ip("link set v9 up");
  bed.host.ip("address add 10.9.0.1/16 dev v9");
  await bed.holds(MANY, byObject);
  const few = [best("35.0.0.0/24", "10.10.0.2")];
  bed.host.ip("address add 10.10.0.1/24 dev v9");
  bed.routes.changed(few);
  await bed.holds(MANY + 1);
  bed.host.ip("address flush dev v9");
  bed.host.ip("address add 10.9.0.1/16 dev v9");
  bed.host.ip("address add 10.10.0.1/24 dev v9");
  await bed.holds(MANY + 1);
});

test("a gateway that no network holds is waited for, and keeps nobody else waiting", options, async (t) => {
  const bed = await bedFor(t);
  const far = Array.from({ length: MANY }, (_, at) => best(`36.0.${at >> 8}.${at & 255}/32`, "10.20.0.2"));
  bed.routes.changed([...far, ...many()]);
  await bed.holds(MANY);
  await eventually(() => assert.ok(bed.log.lines.length > 0));
  const { count, waiting } = bed.log.lines[0]?.fields ?? {};
  assert.deepEqual([count, waiting], [1, MANY], "one of them was tried");
  bed.host.ip("address add 10.20.0.1/24 dev v0");
  await bed.holds(2 * MANY);
});

test("a gateway behind a router is used where the kernel takes it for one on the wire", options, async (t) => {
  const bed = await bedWithMany(t);
  bed.host.ip("route add 10.9.4.1/32 via 10.9.4.2");
  bed.routes.changed([best("37.0.0.0/24", "10.9.4.1"), best("37.0.1.0/24", "10.9.4.1")]);
  await bed.holds(MANY + 2);
  const found = bed.inKernel.filter(({ gateway }) => gateway === "10.9.4.1");
  assert.deepEqual(found.map(byObject), [false, false]);
});

test(
  "a gateway is asked for on the device that leads to it, not on the one whose network holds it",
  options,
  async (t) => {
    const bed = await bedWithMany(t);
    bed.host.ip(`link add d0 type veth peer name d0 netns ${bed.wire.path}`);
    bed.wire.ip("link set d0 up");
    bed.host.ip("link set d0 up");
    bed.host.ip("route add 10.9.5.1/32 dev d0");
    bed.routes.changed([best("38.0.0.0/24", "10.9.5.1")]);
    await bed.holds(MANY + 1, byObject);
    assert.match(bed.host.ip("route get 38.0.0.1"), /via 10\.9\.5\.1 dev d0/);
  },
);

test("started again, routes and objects stay until all is told, then only what is told", options, async (t) => {
  const bed = await bedWithMany(t);
  const before = bed.objects;
  bed.host.ip("nexthop add id 0x6f63ff00 via 10.9.1.1 dev v0 protocol static");
  const again = bed.again();
  assert.equal(await again.start(), true);
  again.changed(many(0, 550).filter((_, at) => at % GATEWAYS !== 0 && at !== 1));
  // Written behind the others: what is seen of it is true of them.
  again.changed([best(block(1), "10.9.1.3")]);
  await eventually(() => assert.ok(bed.words.includes("32.0.0.1 via 10.9.1.3")));
  assert.equal(bed.inKernel.length, MANY);
  again.settled();
  await bed.holds(522, byObject);
  await eventually(() =>
    assert.deepEqual(
      bed.objects,
      before.filter(({ gateway }) => gateway !== "10.9.1.1"),
    ),
  );
  await again.clear();
  assert.deepEqual([bed.inKernel, bed.objects], [[], []]);
  assert.equal(bed.host.json("ip -j nexthop show").length, 1);
});

/** A peer that tells very many, by and by. */
async function flood(bed: Bed, count: number): Promise<void> {
  for (let from = 0; from < count; from += 500) {
    bed.routes.changed(
      Array.from({ length: 500 }, (_, at) => ({
        ...best("0.0.0.0/0", `10.9.3.${(from + at) % 100}`),
        prefix: prefixCode4(ipv4Of(0x2800_0000 + from + at), 32),
      })),
    );
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("cleared while routes wait and are written, nothing is left", options, async (t) => {
  const bed = await bedFor(t);
  await flood(bed, 20_000);
  await bed.routes.clear();
  assert.deepEqual([bed.inKernel, bed.objects, bed.log.lines], [[], [], []]);
});

test("objects that go while routes are written are done without", options, async (t) => {
  const bed = await bedFor(t);
  const written = flood(bed, 40_000);
  for (const _ of [1, 2, 3, 4, 5]) {
    await new Promise((resolve) => setImmediate(resolve));
    bed.host.ip("nexthop flush");
  }
  await written;
  await bed.holds(40_000);
  assert.deepEqual(bed.log.lines, []);
});
