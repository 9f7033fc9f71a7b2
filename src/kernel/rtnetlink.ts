/**
 * rtnetlink in one network namespace: requests, lists, notifications. Devices are named by index here; the link table
 * (`link-table.ts`) knows their names.
 *
 * Requests are plain data. `execute` is the fast lane, done when it returns: for routes, neighbours, addresses.
 * `executeOffLoop` is for links and whatever else takes the kernel milliseconds. `executeMany` is for thousands.
 * Each answers one error or undefined per request, in their order; one that fails stops no other.
 */
import { Group, type GroupName } from "../netlink/rtnetlink/codes.ts";
import { decodeEvent } from "../netlink/rtnetlink/event.ts";
import type { IfIndex, Link } from "../netlink/rtnetlink/link.ts";
import type { Clock } from "../port/clock.ts";
import type { KernelError, Netlink } from "../port/netlink.ts";
import type { Batch, Failures } from "./lane.ts";
import { NetlinkChannel } from "./request.ts";
import { type DumpOf, encodeGetLink } from "./rtnetlink-dumps.ts";
import { encodeRequest, type Request } from "./rtnetlink-requests.ts";
import { aboutRequest } from "./rtnetlink-subject.ts";
import { Subscription, type SubscriptionSink } from "./rtnetlink-subscription.ts";

/** One for each request, in their order: why it failed, or undefined. */
export type Outcomes = readonly (KernelError | undefined)[];

export interface SubscribeOptions {
  readonly exceptOwn?: boolean;
}

export class Rtnetlink {
  readonly #netlink: Netlink;
  readonly clock: Clock;
  /** For batches that encode themselves. */
  readonly channel: NetlinkChannel;
  readonly #subscriptions = new Set<Subscription>();

  constructor(netlink: Netlink, clock: Clock) {
    this.#netlink = netlink;
    this.clock = clock;
    this.channel = new NetlinkChannel(netlink, "route", clock);
  }

  execute(requests: readonly Request[]): Outcomes {
    return outcomes(requests.length, this.channel.execute(batchOf(requests)));
  }

  async executeOffLoop(requests: readonly Request[]): Promise<Outcomes> {
    return outcomes(requests.length, await this.channel.executeOffLoop(batchOf(requests)));
  }

  async executeMany(requests: readonly Request[]): Promise<Outcomes> {
    return outcomes(requests.length, await this.channel.executeMany(batchOf(requests)));
  }

  /** The device of that index, name or alternative name; undefined when there is none. Throws KernelError otherwise. */
  link(ref: IfIndex | string): Link | undefined {
    const query = linkQuery(ref);
    return query.outcome(this.channel.execute(query.batch));
  }

  /** The same off the loop: the kernel may keep the question waiting while others change links. */
  async linkOffLoop(ref: IfIndex | string): Promise<Link | undefined> {
    const query = linkQuery(ref);
    return query.outcome(await this.channel.executeOffLoop(query.batch));
  }

  /**
   * Lists what `list` asks for (`rtnetlink-dumps.ts`), as far as `select` keeps it. Read in slices, and begun again
   * when the kernel's tables moved meanwhile. Throws KernelError.
   */
  async dump<T, U = T>(list: DumpOf<T>, select?: (item: T) => U | undefined): Promise<readonly U[]> {
    const found: U[] = [];
    await this.dumpEach(list, {
      restart: () => {
        found.length = 0;
      },
      visit: (item) => {
        const kept = select ? select(item) : (item as unknown as U);
        if (kept !== undefined) found.push(kept);
      },
    });
    return found;
  }

  /** The same for very many, which are taken in one by one. `restart`: what was visited until now counts for nothing. */
  dumpEach<T>(list: DumpOf<T>, visitor: { restart(): void; visit(item: T): void }): Promise<void> {
    return this.channel.dump({
      about: { call: "list", subject: list.subject },
      encode: (writer) => list.encode(writer),
      restart: () => visitor.restart(),
      visit: (message) => {
        const item = list.itemOf(message);
        if (item !== undefined) visitor.visit(item);
      },
    });
  }

  /**
   * Reports changes from now on, until the subscription or this is closed: whoever makes them, or with `exceptOwn` all but
   * those of `execute` and `executeMany` (of kinds where the kernel says whose they are). Throws KernelError.
   */
  subscribe(groups: readonly GroupName[], sink: SubscriptionSink, options: SubscribeOptions = {}): Subscription {
    const socket = this.#netlink.open({
      protocol: "route",
      groups: groups.map((name) => Group[name]),
      ...(options.exceptOwn === true ? { exceptPorts: this.channel.portIds } : {}),
    });
    const subscription = new Subscription(socket, sink);
    this.#subscriptions.add(subscription);
    return subscription;
  }

  /** Idempotent. Requests under way fail, subscriptions end. */
  close(): void {
    this.channel.close();
    for (const subscription of this.#subscriptions) subscription.close();
    this.#subscriptions.clear();
  }
}

interface LinkQuery {
  readonly batch: Batch;
  /** Throws KernelError, save where there is no such device. */
  outcome(failures: Failures): Link | undefined;
}

function linkQuery(ref: IfIndex | string): LinkQuery {
  let found: Link | undefined;
  return {
    batch: {
      count: 1,
      encode: (writer) => encodeGetLink(writer, ref),
      about: () => ({ call: "get", subject: `link ${ref}` }),
      answer: (_index, message) => {
        const event = decodeEvent(message);
        if (event?.type === "link") found = event.link;
      },
    },
    outcome(failures) {
      const failure = failures.get(0);
      if (failure && failure.errno !== "ENODEV") throw failure;
      return found;
    },
  };
}

const batchOf = (requests: readonly Request[]): Batch => ({
  count: requests.length,
  encode(writer, index) {
    const request = requests[index];
    if (request) encodeRequest(writer, request);
  },
  about(index) {
    const request = requests[index];
    return request ? aboutRequest(request) : { call: "request", subject: `${index}` };
  },
});

const outcomes = (count: number, failures: Failures): Outcomes =>
  Array.from({ length: count }, (_, index) => failures.get(index));
