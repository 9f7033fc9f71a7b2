/**
 * What the kernel takes away without a word, told from what it does say. With a device that goes down go its routes and nexthop
 * objects, with its carrier the objects and their routes, with its last address its routes, with an object that somebody
 * removes all routes that use it.
 */
import type { Rtnetlink } from "../../kernel/rtnetlink.ts";
import type { Subscription } from "../../kernel/rtnetlink-subscription.ts";
import { LinkFlag } from "../../netlink/rtnetlink/codes.ts";
import type { RtnetlinkEvent } from "../../netlink/rtnetlink/event.ts";
import type { IfIndex, Link } from "../../netlink/rtnetlink/link.ts";

export interface LossSink {
  /** The device lost what routes need; with `withObjects` its nexthop objects are gone too. */
  lostOn(device: IfIndex, withObjects: boolean): void;
  /** Of whatever id. */
  lostObject(id: number): void;
  /** Nobody knows what was lost. */
  lostAll(reason: string): void;
  /** A device or an address is there that may not have been. */
  came(): void;
}

export class Losses {
  readonly #rtnetlink: Rtnetlink;
  readonly #sink: LossSink;
  #subscription: Subscription | undefined;

  constructor(rtnetlink: Rtnetlink, sink: LossSink) {
    this.#rtnetlink = rtnetlink;
    this.#sink = sink;
  }

  /** Throws KernelError. */
  start(): void {
    this.#subscription = this.#rtnetlink.subscribe(
      ["link", "ipv4Address", "ipv6Address", "nexthop"],
      { event: (event) => this.#event(event), overrun: (reason) => this.#sink.lostAll(reason) },
      { exceptOwn: true },
    );
  }

  #event(event: RtnetlinkEvent): void {
    if (event.type === "nexthop") this.#sink.lostObject(event.nexthop.id);
    else if (event.type === "link" && (event.isGone || isDead(event.link))) this.#sink.lostOn(event.link.index, true);
    else if (event.type === "address" && event.isGone) this.#sink.lostOn(event.address.index, false);
    else this.#sink.came();
  }

  /** Idempotent. */
  close(): void {
    this.#subscription?.close();
  }
}

/** Whether the kernel (nh_netdev_event) lets no nexthop object live on the device. */
const isDead = ({ up, flags }: Link): boolean => !up || (flags & (LinkFlag.running | LinkFlag.lowerUp)) === 0;
