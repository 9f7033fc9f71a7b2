/**
 * Nodes that may send into a tunnel which a process serves: it is told of them, and asked for them by whoever has no memory. Mark:
 * all that the process has.
 */
import { type TunnelSourceItem, tunnelSourceKey } from "../../compile/node-state.ts";
import type { Ipv4 } from "../../ip/address.ts";
import { KernelError } from "../../port/netlink.ts";
import type { TunnelServer } from "../../port/tunnel-server.ts";
import type { Driver, DriverSink, Failure } from "../../reconcile/driver.ts";
import type { Op } from "../../reconcile/plan.ts";
import { type DriverDeps, itemOf, missingDevice } from "./deps.ts";
import { Observer } from "./observer.ts";
import { Serial } from "./serial.ts";

export interface TunSourceOptions {
  readonly server: TunnelServer;
  /** Name of the tunnel's device. */
  readonly device: string;
}

export class TunSourceDriver implements Driver<TunnelSourceItem> {
  readonly name = "tunnel sources";
  readonly #deps: DriverDeps;
  readonly #server: TunnelServer;
  readonly #device: string;
  readonly #serial = new Serial();
  readonly #observer = new Observer<TunnelSourceItem>(() => []);
  #stopListening = (): void => undefined;

  constructor(deps: DriverDeps, { server, device }: TunSourceOptions) {
    this.#deps = deps;
    this.#server = server;
    this.#device = device;
  }

  readOwned(): Promise<ReadonlyMap<string, TunnelSourceItem>> {
    return this.#serial.run(async () => {
      await this.#deps.links.current();
      return this.#observer.reading(async (found) => {
        const state = await this.#server.state();
        for (const address of state?.sources ?? []) {
          const item = { device: this.#device, address };
          found.set(tunnelSourceKey(item), item);
        }
      });
    });
  }

  /** The key is all there is. */
  equal(): boolean {
    return true;
  }

  apply(ops: readonly Op<TunnelSourceItem>[]): Promise<readonly Failure[]> {
    const { links, rtnetlink } = this.#deps;
    return this.#serial.run(() =>
      this.#observer.writing(
        rtnetlink.clock,
        () => links.drain(),
        () => this.#apply(ops),
      ),
    );
  }

  /** Order counts: of several operations on an address the last is what stays. */
  async #apply(ops: readonly Op<TunnelSourceItem>[]): Promise<readonly Failure[]> {
    const wanted = new Map<Ipv4, boolean>();
    for (const op of ops) {
      const { address } = itemOf(op);
      if (typeof address === "number") wanted.set(address, op.op !== "remove");
    }
    const [add, remove] = [true, false].map((kind) =>
      [...wanted].flatMap(([address, isWanted]) => (isWanted === kind ? [address] : [])),
    );
    const error = await this.#tell({ add: add ?? [], remove: remove ?? [] });
    if (!error) return [];
    return ops
      .filter(({ op }) => op !== "remove" || error.errno !== "ENODEV")
      .map(({ key }) => this.#observer.waitFor(this.#device, { key, error }));
  }

  async #tell(change: { readonly add: readonly Ipv4[]; readonly remove: readonly Ipv4[] }) {
    try {
      return (await this.#server.change(change)) ? undefined : missingDevice(this.#device);
    } catch (failure) {
      if (failure instanceof KernelError) return failure;
      throw failure;
    }
  }

  watch(sink: DriverSink<TunnelSourceItem>): void {
    const observer = this.#observer;
    observer.attach(sink);
    this.#stopListening = this.#deps.links.listen({
      changed: ({ before, after }) => {
        if (before?.index === after?.index && before?.name === after?.name) return;
        if (before?.name === this.#device) observer.resync("the IP-in-IP device went, and its process");
        if (after?.name === this.#device) observer.retry(this.#device);
      },
      lost: (reason) => observer.resync(reason),
    });
  }

  close(): void {
    this.#observer.close();
    this.#stopListening();
  }
}
