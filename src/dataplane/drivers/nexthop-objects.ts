/**
 * Nexthop objects of ours: many routes share one gateway, and with plain next hops the kernel checks the gateway anew for
 * every route that differs from the one before (64 µs with 5,000 gateways in turn; by object 3 µs).
 *
 * Mark: the id's range. An object is shared per gateway, device, onlink, protocol and MTU: the kernel (6.18,
 * fib_find_info_nh) gives all routes of one object the metrics of the first. It takes an object and all its
 * routes away without a word when its device goes down or loses its carrier, and all its routes when somebody deletes it.
 */
import type { IpAddress } from "../../ip/address.ts";
import type { Request } from "../../kernel/rtnetlink-requests.ts";
import type { IfIndex } from "../../netlink/rtnetlink/link.ts";
import type { NexthopObject } from "../../netlink/rtnetlink/nexthop.ts";

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
  /** Keys of ours that use it. */
  users: number;
  /** The kernel has it. */
  isMade: boolean;
}

export class NexthopObjects {
  readonly #byId = new Map<number, Entry>();
  /** Entries of one gateway: nearly always one. */
  readonly #byGateway = new Map<IpAddress, Entry[]>();
  /** The id that the route under a key uses; 0 for a plain route. */
  readonly #idByKey = new Map<string, number>();
  /** Ids in the range that others have taken or use: never given out, never removed. */
  readonly #foreign = new Set<number>();
  /** Entries that a route wants and the kernel does not have yet. */
  readonly #wanted = new Set<Entry>();
  /** Entries that nobody uses, to be removed. */
  readonly #unused = new Set<Entry>();
  #next = FIRST_ID;

  static isOurs = (id: number): boolean => id >= FIRST_ID && id <= LAST_ID;

  /** Forgets everything, before the kernel is read. */
  clear(): void {
    for (const map of [this.#byId, this.#byGateway, this.#idByKey, this.#foreign, this.#wanted, this.#unused])
      map.clear();
  }

  /** An object that the kernel has, of whatever id. */
  found({ id, gateway, device, onlink = false, protocol, group, blackhole }: NexthopObject): void {
    if (!NexthopObjects.isOurs(id)) return;
    if (gateway === undefined || device === undefined || group !== undefined || blackhole === true) {
      this.#foreign.add(id);
      return;
    }
    const entry = { id, gateway, device, onlink, protocol, mtu: undefined, users: 0, isMade: true };
    this.#insert(entry);
    this.#unused.add(entry);
  }

  #insert(entry: Entry): void {
    this.#byId.set(entry.id, entry);
    const same = this.#byGateway.get(entry.gateway);
    if (same) same.push(entry);
    else this.#byGateway.set(entry.gateway, [entry]);
  }

  /** The id to give to a route; 0 when the range is used up. The object may have to be made first: `takeWanted`. */
  idFor(hop: SharedHop, mtu: number): number {
    const same = this.#byGateway.get(hop.gateway);
    if (same) for (const entry of same) if (entry.mtu === mtu && isSame(entry, hop)) return entry.id;
    const id = this.#freeId();
    if (id === 0) return 0;
    const { gateway, device, onlink, protocol } = hop;
    const entry = { gateway, device, onlink, protocol, id, mtu, users: 0, isMade: false };
    this.#insert(entry);
    this.#wanted.add(entry);
    return id;
  }

  /** A route that uses the object has this MTU, 0 for none. */
  learn(id: number, mtu: number): void {
    const entry = this.#byId.get(id);
    if (entry) entry.mtu = mtu;
  }

  #freeId(): number {
    for (let tried = FIRST_ID; tried <= LAST_ID; tried++) {
      const id = this.#next;
      this.#next = id === LAST_ID ? FIRST_ID : id + 1;
      if (!this.#byId.has(id) && !this.#foreign.has(id)) return id;
    }
    return 0;
  }

  /** The objects that are to be made before the routes that were given their ids. */
  takeWanted(): readonly Request[] {
    const requests = Array.from(this.#wanted, (entry): Request => ({ type: "addNexthop", nexthop: objectOf(entry) }));
    this.#wanted.clear();
    return requests;
  }

  /** The kernel has made it. */
  made(id: number): void {
    const entry = this.#byId.get(id);
    if (!entry) return;
    entry.isMade = true;
    if (entry.users === 0) this.#unused.add(entry);
  }

  isMade(id: number): boolean {
    return this.#byId.get(id)?.isMade ?? false;
  }

  /** The next hop behind an id of ours. */
  hopOf(id: number): SharedHop | undefined {
    return this.#byId.get(id);
  }

  /** The object is not there, or could not be made; with `taken` somebody else has the id. */
  lost(id: number, taken = false): void {
    if (taken) this.#foreign.add(id);
    const entry = this.#byId.get(id);
    if (!entry) return;
    this.#byId.delete(id);
    this.#wanted.delete(entry);
    this.#unused.delete(entry);
    const same = (this.#byGateway.get(entry.gateway) ?? []).filter((other) => other !== entry);
    if (same.length > 0) this.#byGateway.set(entry.gateway, same);
    else this.#byGateway.delete(entry.gateway);
  }

  /** A route of ours is under the key now, and uses this object; 0 for none. */
  hold(key: string, id: number): void {
    const before = this.#idByKey.get(key);
    if (before === id) return;
    if (before !== undefined) this.#release(before);
    this.#idByKey.set(key, id);
    const entry = this.#byId.get(id);
    if (!entry) return;
    entry.users++;
    this.#unused.delete(entry);
  }

  /** No route of ours is under the key any more. */
  drop(key: string): void {
    const id = this.#idByKey.get(key);
    if (id === undefined) return;
    this.#release(id);
    this.#idByKey.delete(key);
  }

  /** The same if the route uses no object. */
  dropPlain(key: string): void {
    if (this.usedBy(key) === 0) this.drop(key);
  }

  isHeld(key: string): boolean {
    return this.#idByKey.has(key);
  }

  /** The object that the route under the key uses, 0 for none. */
  usedBy(key: string): number {
    return this.#idByKey.get(key) ?? 0;
  }

  /** Routes of ours. */
  get held(): number {
    return this.#idByKey.size;
  }

  #release(id: number): void {
    const entry = this.#byId.get(id);
    if (!entry) return;
    entry.users--;
    if (entry.users <= 0 && entry.isMade) this.#unused.add(entry);
  }

  /** Somebody else's route uses the object: it must stay. */
  usedByOthers(id: number): void {
    this.#foreign.add(id);
  }

  /** Removals of what nobody uses, which are forgotten with it. */
  takeUnused(): readonly Request[] {
    const requests: Request[] = [];
    for (const entry of this.#unused) {
      if (this.#foreign.has(entry.id)) continue;
      requests.push({ type: "deleteNexthop", nexthop: objectOf(entry) });
      this.lost(entry.id);
    }
    return requests;
  }

  /** Forgets the objects that match and returns the keys of their routes, which the kernel has dropped with them. */
  takeLost(matches: (hop: SharedHop & { readonly id: number }) => boolean): readonly string[] {
    const lost = new Set<number>();
    for (const entry of this.#byId.values()) if (entry.isMade && matches(entry)) lost.add(entry.id);
    if (lost.size === 0) return [];
    const keys: string[] = [];
    for (const [key, id] of this.#idByKey) if (lost.has(id)) keys.push(key);
    for (const key of keys) this.#idByKey.delete(key);
    for (const id of lost) this.lost(id);
    return keys;
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
