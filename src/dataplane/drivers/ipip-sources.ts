/**
 * Nodes that may send into the tunnel: keys of the map that the decapsulating program asks. The program leads to the map: nothing
 * is pinned, and what another process put there is known. The kernel does not tell of changes inside a map; those of a foreign
 * hand are found by the periodic reading. Mark: the whole map.
 */
import { type TunnelSourceItem, tunnelSourceKey } from "../../compile/node-state.ts";
import { addressFromOctets, addressOctets } from "../../ip/address.ts";
import type { Subscription } from "../../kernel/rtnetlink-subscription.ts";
import type { Bpf, BpfMap } from "../../port/bpf.ts";
import { KernelError } from "../../port/netlink.ts";
import type { Driver, DriverSink, Failure } from "../../reconcile/driver.ts";
import type { Op } from "../../reconcile/plan.ts";
import { type DriverDeps, itemOf, missingDevice } from "./deps.ts";
import { isMarked, type Mark, readMarks } from "./ipip-marks.ts";
import { Observer } from "./observer.ts";
import { Serial } from "./serial.ts";

export interface TunnelSourceOptions {
  readonly bpf: Bpf;
  /** Name of the tunnel's device. */
  readonly device: string;
}

/** Of a cluster, and ten times what one is meant to have. */
export const NODES = 1 << 16;
const PRESENT = Uint8Array.of(1);
/** A map's calls take a microsecond or two each; between so many others get their turn. */
const SLICE = 1_000;

/**
 * The first map that a filter's program asks: sources where it decapsulates, path MTUs where it encapsulates; undefined when the
 * program has gone meanwhile. Throws KernelError.
 */
export function openFirstMap(bpf: Bpf, { filter }: Mark): BpfMap | undefined {
  const program = filter.programId === undefined ? undefined : bpf.openProgram(filter.programId);
  if (!program) return undefined;
  try {
    const [id] = program.mapIds;
    return id === undefined ? undefined : bpf.openMap(id);
  } finally {
    program.close();
  }
}

export class TunnelSourceDriver implements Driver<TunnelSourceItem> {
  readonly name = "tunnel sources";
  readonly #deps: DriverDeps;
  readonly #bpf: Bpf;
  readonly #device: string;
  readonly #serial = new Serial();
  readonly #observer = new Observer<TunnelSourceItem>(() => []);
  #subscription: Subscription | undefined;
  #stopListening = (): void => undefined;

  constructor(deps: DriverDeps, { bpf, device }: TunnelSourceOptions) {
    this.#deps = deps;
    this.#bpf = bpf;
    this.#device = device;
  }

  readOwned(): Promise<ReadonlyMap<string, TunnelSourceItem>> {
    return this.#serial.run(() =>
      this.#observer.reading((found) =>
        this.#withMap(async (map) => {
          for (const octets of map?.keys() ?? []) {
            const address = addressFromOctets(octets);
            if (address === undefined) continue;
            const item = { device: this.#device, address };
            found.set(tunnelSourceKey(item), item);
            if (found.items.size % SLICE === 0) await this.#deps.rtnetlink.clock.yield();
          }
        }),
      ),
    );
  }

  async #withMap<T>(work: (map: BpfMap | undefined) => Promise<T>): Promise<T> {
    const { links, rtnetlink } = this.#deps;
    await links.current();
    this.#subscription?.drain();
    const tunnel = links.byName(this.#device);
    const marks = tunnel ? await readMarks(rtnetlink, links) : [];
    const mark = marks.find(({ duty, target }) => duty === "decap" && target === tunnel?.index);
    const map = mark && openFirstMap(this.#bpf, mark);
    try {
      return await work(map);
    } finally {
      map?.close();
    }
  }

  /** The key is all there is. */
  equal(): boolean {
    return true;
  }

  apply(ops: readonly Op<TunnelSourceItem>[]): Promise<readonly Failure[]> {
    const drain = () => {
      this.#deps.links.drain();
      this.#subscription?.drain();
    };
    const work = () => this.#withMap((map) => this.#apply(ops, map));
    return this.#serial.run(() => this.#observer.writing(this.#deps.rtnetlink.clock, drain, work));
  }

  async #apply(ops: readonly Op<TunnelSourceItem>[], map: BpfMap | undefined): Promise<readonly Failure[]> {
    const failures: Failure[] = [];
    for (const [index, op] of ops.entries()) {
      const error = map ? changed(map, op) : op.op === "remove" ? undefined : missingDevice(this.#device);
      if (error) failures.push(this.#observer.waitFor(this.#device, { key: op.key, error }));
      if (index % SLICE === SLICE - 1) await this.#deps.rtnetlink.clock.yield();
    }
    return failures;
  }

  watch(sink: DriverSink<TunnelSourceItem>): void {
    const { links, rtnetlink } = this.#deps;
    const observer = this.#observer;
    observer.attach(sink);
    const changedTunnel = (): void => {
      observer.resync("the IP-in-IP device or its filters changed");
      observer.retry(this.#device);
    };
    this.#subscription = rtnetlink.subscribe(["trafficControl"], {
      event: (event) => {
        const isOurs = event.type === "filter" && isMarked(event.filter);
        if (isOurs || (event.type === "qdisc" && event.isGone)) changedTunnel();
      },
      overrun: (reason) => observer.resync(reason),
    });
    this.#stopListening = links.listen({
      changed: ({ before, after }) => {
        if (before?.index !== after?.index && [before?.name, after?.name].includes(this.#device)) changedTunnel();
      },
      lost: (reason) => observer.resync(reason),
    });
  }

  close(): void {
    this.#observer.close();
    this.#subscription?.close();
    this.#stopListening();
  }
}

function changed(map: BpfMap, op: Op<TunnelSourceItem>): KernelError | undefined {
  try {
    const key = addressOctets(itemOf(op).address);
    if (op.op === "remove") map.delete(key);
    else map.set(key, PRESENT);
    return undefined;
  } catch (failure) {
    if (failure instanceof KernelError) return failure;
    throw failure;
  }
}
