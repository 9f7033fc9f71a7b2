/** The next hops of a route, shared by all routes that have the same. */
import type { IpAddress } from "../../ip/address.ts";
import type { PrefixCode } from "../../ip/prefix-code.ts";
import type { IfIndex } from "../../netlink/rtnetlink/link.ts";

/** A prefix, and what its route is to be. */
export class Entry {
  readonly prefix: PrefixCode;
  /** Undefined: there is to be none. */
  way: Way | undefined;
  /** It waits to be written. */
  isQueued = false;
  /** As it is being written: it may be wanted otherwise meanwhile. */
  sent: Way | undefined = undefined;
  /** The object that is written, 0 for none. */
  sentId = 0;

  constructor(prefix: PrefixCode, way: Way | undefined) {
    this.prefix = prefix;
    this.way = way;
  }
}

/**
 * What is known of a way:
 *
 *     unknown ──▶ open       every gateway is on a device
 *        │  └───▶ doubtful   it is not seen to be: one route is tried, the others wait for what becomes of it
 *        │           ├──▶ open
 *        └◀─ later ──┴──▶ blocked
 */
export type Footing = "unknown" | "open" | "doubtful" | "blocked";

export class Way {
  readonly gateways: readonly IpAddress[];
  footing: Footing = "unknown";
  /** Those that the gateways are on. */
  devices: readonly (IfIndex | undefined)[] = [];
  /** The nexthop object of ours that stands for it, 0 for none. */
  nexthopId = 0;
  /** It has its object, or will do without. */
  isShared = false;
  /** The one route that is tried is under way. */
  isTried = false;
  /** Routes that are to go this way. */
  routes = 0;
  /** Those of them that wait for a better time. */
  readonly parked = new Set<Entry>();

  constructor(gateways: readonly IpAddress[]) {
    this.gateways = gateways;
  }

  /** Nothing is known any more; the object stays. */
  forget(): void {
    this.footing = "unknown";
    this.isShared = false;
    this.isTried = false;
  }
}
