/**
 * Keeps what a node knows of its host current. Links and addresses are read again when the kernel says that they have
 * changed, so that MTUs, and the device that the node's address is on, follow at once; Felix looks every 30 s and restarts
 * (calico-dataplane 2.11). The address itself is detected again only where it is to be detected (`IP=autodetect`), then
 * also from time to time, since what `can-reach=` answers hangs on more than this host's links.
 */
import { isDeepStrictEqual } from "node:util";
import { messageOf } from "../base/errors.ts";
import type { JsonObject } from "../base/json.ts";
import type { LinkTable } from "../kernel/link-table.ts";
import type { Rtnetlink } from "../kernel/rtnetlink.ts";
import type { Subscription } from "../kernel/rtnetlink-subscription.ts";
import type { IfIndex } from "../netlink/rtnetlink/link.ts";
import type { Clock, Millis, Timer } from "../port/clock.ts";
import type { Log } from "../port/log.ts";
import type { LocalNode, NodeStartup } from "./startup.ts";

export interface HostWatchDeps {
  readonly startup: Pick<NodeStartup, "local" | "redetectAddress" | "interfaces">;
  readonly rtnetlink: Pick<Rtnetlink, "subscribe">;
  readonly links: LinkTable;
  readonly clock: Clock;
  readonly log: Log;
  /** Devices of pods and tunnels, which come and go by our own hand and are no facts of the host. */
  readonly isOurs: (device: string) => boolean;
  /** Of looking for the address again (AUTODETECT_POLL_INTERVAL); undefined: it is not detected again. */
  readonly detectEveryMs: Millis | undefined;
  /** The Node resource as it is known now. */
  readonly node: () => JsonObject | undefined;
}

/** Changes within this time are read together: a device that comes is reported several times. */
const SETTLE_MS = 200;
/** What could not be read is read again after this. */
const RETRY_MS = 10_000;
/**
 * An address that could not be found or written is looked for again after this: with an address the connection to the store
 * goes too, so that the first attempt often fails.
 */
const ADDRESS_RETRY_MS = 2_000;

export class HostWatch {
  readonly #deps: HostWatchDeps;
  readonly #found: (local: LocalNode) => void;
  #known: LocalNode | undefined;
  #isRegistered = false;
  /** Why the address was left as it was when it was last looked for; told once. */
  #left: string | undefined;
  #subscription: Subscription | undefined;
  #stopListening = (): void => undefined;
  #soon: Timer | undefined;
  #poll: Timer | undefined;
  #reading: Promise<void> = Promise.resolve();
  #isClosed = false;

  /** `found`: called when anything differs from what was known. */
  constructor(deps: HostWatchDeps, found: (local: LocalNode) => void) {
    this.#deps = deps;
    this.#found = found;
  }

  /** Listens and reads, with a store or without. Throws KernelError. */
  start(): void {
    const { rtnetlink, links, isOurs } = this.#deps;
    this.#stopListening = links.listen({
      changed: ({ before, after }) => {
        const name = (after ?? before).name;
        if (!isOurs(name)) this.#readAfter(SETTLE_MS);
      },
      lost: () => this.#readAfter(SETTLE_MS),
    });
    this.#subscription = rtnetlink.subscribe(["ipv4Address", "ipv6Address"], {
      event: (event) => {
        if (event.type === "address" && !this.#isOnOurs(event.address.index)) this.#readAfter(SETTLE_MS);
      },
      overrun: () => this.#readAfter(SETTLE_MS),
    });
    this.#readAfter(SETTLE_MS);
  }

  /** The node is registered so: from now on its address may be detected again and written. */
  registered(local: LocalNode): void {
    if (this.#isClosed || this.#isRegistered) return;
    this.#isRegistered = true;
    this.#known = this.#ofHost(local);
    this.#readAfter(SETTLE_MS);
    this.#pollLater();
  }

  #ofHost({ name, addresses, interfaces }: LocalNode): LocalNode {
    return { name, addresses, interfaces: interfaces.filter((one) => !this.#deps.isOurs(one.name)) };
  }

  /** The table of devices may lag behind the addresses: one that it does not know yet counts as the host's. */
  #isOnOurs(index: IfIndex): boolean {
    const name = this.#deps.links.byIndex(index)?.name;
    return name !== undefined && this.#deps.isOurs(name);
  }

  #pollLater(): void {
    const { detectEveryMs, clock } = this.#deps;
    if (detectEveryMs === undefined) return;
    this.#poll = clock.after(detectEveryMs, () => {
      this.#readNow();
      this.#pollLater();
    });
  }

  #readAfter(delayMs: Millis): void {
    if (this.#isClosed) return;
    this.#soon ??= this.#deps.clock.after(delayMs, () => {
      this.#soon = undefined;
      this.#readNow();
    });
  }

  /** One after the other. */
  #readNow(): void {
    this.#reading = this.#reading.then(() => this.#read());
  }

  async #read(): Promise<void> {
    if (this.#isClosed) return;
    try {
      const local = this.#ofHost(await this.#look());
      if (this.#isClosed || isDeepStrictEqual(local, this.#known)) return;
      this.#known = local;
      this.#found(local);
    } catch (failure) {
      if (this.#isClosed) return;
      this.#deps.log.warn("the interfaces of this host cannot be read, will be tried again", {}, failure);
      this.#readAfter(RETRY_MS);
    }
  }

  async #look(): Promise<LocalNode> {
    const { startup, detectEveryMs, node, log } = this.#deps;
    const isDetected = detectEveryMs !== undefined && this.#isRegistered;
    try {
      const local = isDetected ? await startup.redetectAddress() : await startup.local(node());
      this.#left = undefined;
      return local;
    } catch (failure) {
      const known = this.#known;
      if (!known) throw failure;
      const why = messageOf(failure);
      if (why !== this.#left) log.warn("the address stays as it was, will be looked for again", {}, failure);
      this.#left = why;
      this.#readAfter(ADDRESS_RETRY_MS);
      return { ...known, interfaces: await startup.interfaces() };
    }
  }

  /** Idempotent. */
  close(): void {
    this.#isClosed = true;
    this.#soon?.cancel();
    this.#poll?.cancel();
    this.#stopListening();
    this.#subscription?.close();
  }
}
