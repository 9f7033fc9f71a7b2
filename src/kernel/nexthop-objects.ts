/**
 * Nexthop objects of ours: many routes share one gateway, and with plain next hops the kernel checks the gateway anew for
 * every route that differs from the one before (64 µs with 5,000 gateways in turn; by object 3 µs).
 *
 * Mark: the id's range. An object is shared per gateway, device, onlink, protocol and MTU: the kernel (6.18,
 * fib_find_info_nh) gives all routes of one object the metrics of the first. Who uses which object is not counted here: a
 * list of the kernel's routes tells which ones nobody uses, or who counts says so, and those are removed later unless they
 * were given out again.
 */
import type { IpAddress } from "../ip/address.ts";
import { AddressMap } from "../ip/address-map.ts";
import type { IfIndex } from "../netlink/rtnetlink/link.ts";
import type { NexthopObject } from "../netlink/rtnetlink/nexthop.ts";
import type { Rtnetlink } from "./rtnetlink.ts";
import type { Request } from "./rtnetlink-requests.ts";

/** "oc" in the upper half: 65,536 ids that nobody draws by counting from 1. */
const FIRST_ID = 0x6f63_0000;
const LAST_ID = 0x6f63_ffff;

/** What makes two next hops the same. */
export interface SharedHop {
  readonly gateway: IpAddress;
  readonly device: IfIndex;
  readonly onlink: boolean;
  /** RTPROT_*, as the route's. */
  readonly protocol: number;
}

interface Entry extends SharedHop {
  readonly id: number;
  /** MTU of its routes, 0 for none, undefined where no route tells. */
  mtu: number | undefined;
  /** The kernel has it. */
  isMade: boolean;
}

export class NexthopObjects {
  readonly #byId = new Map<number, Entry>();
  /** Entries of one gateway: nearly always one. */
  readonly #byGateway = new AddressMap<Entry[]>();
  /** Ids in the range that others have taken: never given out. */
  readonly #taken = new Set<number>();
  /** Entries that a route wants and the kernel does not have yet. */
  readonly #wanted = new Set<Entry>();
  /** Entries that no route used when the kernel was last read, and that were not given out since. */
  readonly #unused = new Set<Entry>();
  #next = FIRST_ID;
  readonly #protocol: number | undefined;

  /** With a protocol, objects of any other are another program's. */
  constructor(protocol?: number) {
    this.#protocol = protocol;
  }

  static isOurs = (id: number): boolean => id >= FIRST_ID && id <= LAST_ID;

  /** Begins anew with the objects that the kernel lists, of whatever id. */
  read(objects: readonly NexthopObject[]): void {
    for (const set of [this.#byId, this.#byGateway, this.#taken, this.#wanted, this.#unused]) set.clear();
    for (const { id, gateway, device, onlink = false, protocol, group, blackhole } of objects) {
      if (!NexthopObjects.isOurs(id)) continue;
      const isForeign = this.#protocol !== undefined && protocol !== this.#protocol;
      if (isForeign || gateway === undefined || device === undefined || group !== undefined || blackhole === true) {
        this.#taken.add(id);
        continue;
      }
      const entry: Entry = { id, gateway, device, onlink, protocol, mtu: undefined, isMade: true };
      this.#insert(entry);
      this.#unused.add(entry);
    }
  }

  /** A route that the kernel lists uses this object, and has this MTU, 0 for none. */
  used(id: number, mtu: number): void {
    const entry = this.#byId.get(id);
    if (!entry) return;
    entry.mtu = mtu;
    this.#unused.delete(entry);
  }

  #insert(entry: Entry): void {
    this.#byId.set(entry.id, entry);
    const same = this.#byGateway.get(entry.gateway);
    if (same) same.push(entry);
    else this.#byGateway.set(entry.gateway, [entry]);
  }

  /** The id to give to a route; 0 when the range is used up. The object may have to be made first: `make`. */
  idFor(hop: SharedHop, mtu: number): number {
    const same = this.#byGateway.get(hop.gateway);
    if (same) {
      for (const entry of same) {
        if (entry.mtu !== mtu || !isSame(entry, hop)) continue;
        if (this.#unused.size > 0) this.#unused.delete(entry);
        return entry.id;
      }
    }
    const id = this.#freeId();
    if (id === 0) return 0;
    const { gateway, device, onlink, protocol } = hop;
    const entry: Entry = { gateway, device, onlink, protocol, id, mtu, isMade: false };
    this.#insert(entry);
    this.#wanted.add(entry);
    return id;
  }

  #freeId(): number {
    for (let tried = FIRST_ID; tried <= LAST_ID; tried++) {
      const id = this.#next;
      this.#next = id === LAST_ID ? FIRST_ID : id + 1;
      if (!this.#byId.has(id) && !this.#taken.has(id)) return id;
    }
    return 0;
  }

  /** Makes the objects that routes were given the ids of. What cannot be made is lost, and its routes are written plain. */
  async make(rtnetlink: Pick<Rtnetlink, "executeMany">): Promise<void> {
    const wanted = [...this.#wanted];
    if (wanted.length === 0) return;
    this.#wanted.clear();
    const outcomes = await rtnetlink.executeMany(
      wanted.map((entry): Request => ({ type: "addNexthop", nexthop: objectOf(entry) })),
    );
    for (const [index, { id }] of wanted.entries()) {
      const error = outcomes[index];
      const entry = this.#byId.get(id);
      if (error) this.lost(id, error.errno === "EEXIST");
      else if (entry) entry.isMade = true;
    }
  }

  isMade(id: number): boolean {
    return this.#byId.get(id)?.isMade ?? false;
  }

  /** The next hop behind an id of ours. */
  hopOf(id: number): SharedHop | undefined {
    return this.#byId.get(id);
  }

  /** Whether there are objects on the device. */
  isOn(device: IfIndex): boolean {
    for (const entry of this.#byId.values()) if (entry.device === device) return true;
    return false;
  }

  /** The object is not there, or could not be made; with `isTaken` somebody else has the id. */
  lost(id: number, isTaken = false): void {
    if (isTaken) this.#taken.add(id);
    const entry = this.#byId.get(id);
    if (!entry) return;
    this.#byId.delete(id);
    this.#wanted.delete(entry);
    this.#unused.delete(entry);
    const same = (this.#byGateway.get(entry.gateway) ?? []).filter((other) => other !== entry);
    if (same.length > 0) this.#byGateway.set(entry.gateway, same);
    else this.#byGateway.delete(entry.gateway);
  }

  /** No route uses the object any more, and none is about to. */
  unused(id: number): void {
    const entry = this.#byId.get(id);
    if (entry) this.#unused.add(entry);
  }

  /** All but these are unused. */
  unusedBut(ids: ReadonlySet<number>): void {
    for (const entry of this.#byId.values()) if (!ids.has(entry.id)) this.#unused.add(entry);
  }

  /** Removals of what nobody uses, which is forgotten with it. */
  takeUnused(): readonly Request[] {
    const unused = [...this.#unused];
    for (const { id } of unused) this.lost(id);
    return unused.map((entry): Request => ({ type: "deleteNexthop", nexthop: objectOf(entry) }));
  }
}

const isSame = (a: SharedHop, b: SharedHop): boolean =>
  a.device === b.device && a.onlink === b.onlink && a.protocol === b.protocol;

const objectOf = ({ id, gateway, device, onlink, protocol }: Entry): NexthopObject => ({
  id,
  protocol,
  family: typeof gateway === "number" ? 4 : 6,
  device,
  gateway,
  ...(onlink ? { onlink } : {}),
});
