/**
 * Address management under everything at once: several processes on several hosts, calls interleaved at random, every
 * process killed at a random call to the store (before or after it took effect), stores that take one object at a time
 * and stores that take many. The invariants hold after every single write.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatPrefix, type Prefix, parsePrefix } from "../ip/prefix.ts";
import {
  keyText,
  type ListQuery,
  type ObjectKey,
  type Store,
  type Stored,
  StoreError,
  type WatchEvent,
  type WriteOp,
} from "../port/store.ts";
import { MemoryStore } from "../testing/memory-store.ts";
import { poolObject } from "../testing/objects.ts";
import { runs } from "../testing/runs.ts";
import { SilentLog } from "../testing/silent-log.ts";
import { addressAt, blockSizeOf, cleanHandle, holderAt } from "./block.ts";
import { readBlock } from "./block-codec.ts";
import { IpamError } from "./errors.ts";
import { Ipam } from "./ipam.ts";
import { readAffinityState, readHandle } from "./records.ts";

class Killed extends Error {}

/** One process's way to the store: slow at random, and dead from its `fatalCall` on. */
class ProcessStore implements Pick<Store, "get" | "list" | "write"> {
  #calls = 0;
  readonly #store: MemoryStore;
  readonly #fatalCall: number;
  readonly #takesMany: boolean;
  readonly #random: () => number;

  constructor(store: MemoryStore, fatalCall: number, takesMany: boolean, random: () => number) {
    this.#store = store;
    this.#fatalCall = fatalCall;
    this.#takesMany = takesMany;
    this.#random = random;
  }

  async #wrap<T>(call: () => Promise<T>): Promise<T> {
    const isFatal = ++this.#calls === this.#fatalCall;
    if (this.#calls > this.#fatalCall || (isFatal && this.#random() < 0.5)) throw new Killed();
    for (let turns = Math.floor(this.#random() * 4); turns > 0; turns--) await Promise.resolve();
    const result = await call();
    for (let turns = Math.floor(this.#random() * 4); turns > 0; turns--) await Promise.resolve();
    if (isFatal) throw new Killed();
    return result;
  }

  get = (key: ObjectKey) => this.#wrap(() => this.#store.get(key));
  list = (query: ListQuery) => this.#wrap(() => this.#store.list(query));
  write(ops: readonly WriteOp[]) {
    if (ops.length > 1 && !this.#takesMany) {
      return Promise.reject(new StoreError("unsupported", "one object at a time", {}));
    }
    return this.#wrap(() => this.#store.write(ops));
  }
}

/** Checks the whole store after every write: it follows the store's own history, so what it sees is never half a write. */
class Auditor {
  readonly #objects = new Map<string, Stored>();
  readonly #lastSequence = new Map<string, bigint>();
  readonly faults: unknown[] = [];

  static async of(store: MemoryStore): Promise<Auditor> {
    const auditor = new Auditor();
    const { cursor } = await store.list({ kind: "IPPool" });
    store.watch(["IPAMBlock", "IPAMHandle", "BlockAffinity"], cursor, {
      events: (events) => auditor.#follow(events),
      expired: assert.fail,
      interrupted: assert.fail,
      resumed: assert.fail,
    });
    return auditor;
  }

  #follow(events: readonly WatchEvent[]): void {
    for (const event of events) {
      if (event.type === "changed") this.#objects.set(keyText(event.object.key), event.object);
      else this.#objects.delete(keyText(event.key));
    }
    try {
      this.#check();
    } catch (fault) {
      this.faults.push(fault);
    }
  }

  #of(kind: string): readonly Stored[] {
    return [...this.#objects.values()].filter(({ key }) => key.kind === kind);
  }

  #check(): void {
    const held = new Map<string, number>();
    const owners = new Map<string, string | null>();
    for (const { key, value } of this.#of("IPAMBlock")) {
      const block = readBlock(value);
      assert.equal(formatPrefix(block.cidr), key.name);
      owners.set(key.name, block.affinity);
      const used = new Set(block.allocations.filter((index) => index !== null));
      assert.equal(used.size, block.holders.length, "every holder is in use");
      const free = new Set(block.unallocated);
      for (let ordinal = 0; ordinal < blockSizeOf(block.cidr); ordinal++) {
        const id = holderAt(block, ordinal)?.handleId;
        assert.equal(id === undefined, free.has(ordinal));
        if (id) held.set(`${cleanHandle(id)} ${key.name}`, (held.get(`${cleanHandle(id)} ${key.name}`) ?? 0) + 1);
      }
      const last = this.#lastSequence.get(key.name);
      assert.ok(last === undefined || block.sequenceNumber >= last, `sequence of ${key.name} went back`);
      this.#lastSequence.set(key.name, block.sequenceNumber);
    }
    const recorded = new Map<string, number>();
    for (const { key, value } of this.#of("IPAMHandle")) {
      for (const [cidr, count] of readHandle(value)) recorded.set(`${key.name} ${cidr}`, count);
    }
    for (const [where, count] of held)
      assert.ok((recorded.get(where) ?? 0) >= count, `handle ${where} records too few`);
    for (const { key, value } of this.#of("BlockAffinity")) {
      if (readAffinityState(value) !== "confirmed") continue;
      const [type, node, ...cidr] = key.name.split("/");
      assert.equal(owners.get(cidr.join("/")), `${type}:${node}`, `confirmed affinity ${key.name}`);
    }
  }
}

/** A small deterministic generator (mulberry32), so that a failing case can be run again. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

const POOL = "10.9.0.0/28";
const HOSTS = ["a", "b", "c"] as const;

const action = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant("assign" as const),
      handle: fc.nat(9),
      count: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant("release" as const), handle: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("releaseAddress" as const), ordinal: fc.nat(15) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("take" as const), handle: fc.nat(9), ordinal: fc.nat(15) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("tunnel" as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("noTunnel" as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("giveUp" as const), block: fc.nat(3) }) },
);
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never;

const processes = fc.array(
  fc.record({
    host: fc.constantFrom(...HOSTS),
    fatalCall: fc.oneof(fc.constant(Number.POSITIVE_INFINITY), fc.integer({ min: 1, max: 40 })),
    actions: fc.array(action, { minLength: 1, maxLength: 8 }),
    inTurn: fc.boolean(),
  }),
  { minLength: 1, maxLength: 6 },
);

const pool: Prefix = parsePrefix(POOL);
const blockAt = (index: number): Prefix => ({ address: addressAt(pool, index * 4), length: 30 });

function act(ipam: Ipam, host: string, step: Action): Promise<unknown> {
  switch (step.type) {
    case "assign": {
      const handleId = `h${step.handle}`;
      return ipam.autoAssign({
        family: 4,
        node: host,
        use: "Workload",
        handleId,
        attributes: { node: host },
        count: step.count,
      });
    }
    case "release":
      return ipam.releaseByHandle(`h${step.handle}`);
    case "releaseAddress":
      return ipam.releaseIps([{ address: addressAt(pool, step.ordinal) }]);
    case "take": {
      const address = addressAt(pool, step.ordinal);
      return ipam.assignIp({
        node: host,
        address,
        handleId: `h${step.handle}`,
        attributes: { node: host },
        use: "Workload",
      });
    }
    case "tunnel":
      return ipam.ensureTunnelAddress({ node: host, kind: "vxlan" });
    case "noTunnel":
      return ipam.releaseTunnelAddress({ node: host, kind: "vxlan" });
    case "giveUp":
      return ipam.releaseAffinity(host, blockAt(step.block));
  }
}

/** Deaths and refusals are part of the game, anything else is a fault. */
const tolerate = (failure: unknown): void => {
  if (failure instanceof Killed) return;
  if (failure instanceof IpamError && failure.code !== "badRecord" && failure.code !== "contention") return;
  throw failure;
};

async function play(
  list: readonly { host: string; fatalCall: number; actions: readonly Action[]; inTurn: boolean }[],
  seed: number,
  takesMany: boolean,
  strict: boolean,
): Promise<void> {
  const store = new MemoryStore();
  const { key, value } = poolObject("p", POOL, { blockSize: 30 });
  await store.write([{ op: "create", key, value }]);
  if (strict) {
    await store.write([
      { op: "create", key: { kind: "IPAMConfig", name: "default" }, value: { strict_affinity: true } },
    ]);
  }
  const random = randomOf(seed);
  const auditor = await Auditor.of(store);
  let ms = Date.parse("2026-01-01T00:00:00Z");
  // Time jumps at random, so that idle blocks become old enough to be taken over.
  const wallClock = {
    now: () => {
      ms += random() < 0.1 ? 40_000 : 1;
      return new Date(ms);
    },
  };
  const spawn = (fatalCall: number): Ipam => {
    const processStore = new ProcessStore(store, fatalCall, takesMany, random);
    return new Ipam({ store: processStore as unknown as Store, wallClock, log: new SilentLog() });
  };
  await Promise.all(
    list.map(async ({ host, fatalCall, actions, inTurn }) => {
      const ipam = spawn(fatalCall);
      const run = (step: Action): Promise<unknown> => act(ipam, host, step).catch(tolerate);
      if (inTurn) for (const step of actions) await run(step);
      else await Promise.all(actions.map(run));
    }),
  );
  const mayCountTooMany = !takesMany && list.some(({ fatalCall }) => fatalCall < Number.POSITIVE_INFINITY);
  await assertRecovers(store, spawn(Number.POSITIVE_INFINITY), mayCountTooMany);
  for (const fault of auditor.faults) throw fault;
}

/** After everything, a fresh process can free every address and give all of them out again. */
async function assertRecovers(store: MemoryStore, ipam: Ipam, mayCountTooMany: boolean): Promise<void> {
  const { objects } = await store.list({ kind: "IPAMHandle" });
  for (const { key } of objects) await ipam.releaseByHandle(key.name);
  const left = (await store.list({ kind: "IPAMHandle" })).objects;
  if (!mayCountTooMany) assert.deepEqual(left, [], "a handle outlives its release");
  for (const { value } of (await store.list({ kind: "IPAMBlock" })).objects) {
    assert.deepEqual(readBlock(value).holders, [], "an address is held by nobody's handle");
  }
  for (const host of HOSTS) for (let block = 0; block < 4; block++) await ipam.releaseAffinity(host, blockAt(block));
  const all = await ipam.autoAssign({
    family: 4,
    node: "a",
    use: "Workload",
    handleId: "all",
    attributes: {},
    count: 17,
  });
  assert.equal(all.addresses.length, 16);
  assert.equal(new Set(all.addresses.map(({ address }) => address)).size, 16);
  assert.equal(all.shortfall?.code, "exhausted");
}

for (const takesMany of [true, false]) {
  test(`killed at any line and interleaved at random, records stay true (${takesMany ? "many objects" : "one object"} a write)`, async () => {
    await fc.assert(
      fc.asyncProperty(processes, fc.integer(), fc.boolean(), (list, seed, strict) =>
        play(list, seed, takesMany, strict),
      ),
      { numRuns: runs(250) },
    );
  });
}
