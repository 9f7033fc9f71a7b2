/** Neighbours, and forwarding entries of VXLAN devices, of the memory kernel. */
import { Flag } from "../../netlink/message.ts";
import { AddressFamily, Group, NeighbourFlag, NeighbourState, RtmType } from "../../netlink/rtnetlink/codes.ts";
import {
  type ForwardingEntry,
  forwardingBodyOf,
  forwardingEntryOf,
  type Neighbour,
  type NeighbourBody,
  neighbourBody,
  neighbourBodyOf,
  neighbourOf,
} from "../../netlink/rtnetlink/neighbour.ts";
import { type Asked, type Bus, type Shown, shown } from "./bus.ts";
import type { LinkWatcher, MemoryLinks } from "./links.ts";
import { Errno, Refusal } from "./refusal.ts";

export class MemoryNeighbours implements LinkWatcher {
  readonly #bus: Bus;
  readonly #links: MemoryLinks;
  #neighbours: Neighbour[] = [];
  #entries: ForwardingEntry[] = [];

  constructor(bus: Bus, links: MemoryLinks) {
    this.#bus = bus;
    this.#links = links;
  }

  neighbours(): readonly Neighbour[] {
    return this.#neighbours;
  }

  /** One for each destination. */
  entries(): readonly ForwardingEntry[] {
    return this.#entries;
  }

  request(asked: Asked): void {
    const body = neighbourBody.decode(asked.payload);
    this.#links.expect(body.header.index);
    if (body.header.family === AddressFamily.bridge) this.#forwarding(asked, body);
    else this.#neighbour(asked, body);
  }

  #neighbour({ type, flags, port }: Asked, body: NeighbourBody): void {
    const neighbour = neighbourOf(body);
    if (!neighbour) throw new Refusal(Errno.EINVAL);
    const same = this.#neighbours.find((other) => isSameNeighbour(other, neighbour));
    if (type === RtmType.deleteNeighbour) {
      if (!same) throw new Refusal(Errno.ENOENT);
      this.#removeNeighbour(same, port);
      return;
    }
    if (same && (flags & Flag.exclusive) !== 0) throw new Refusal(Errno.EEXIST);
    this.#neighbours = [...this.#neighbours.filter((other) => other !== same), neighbour];
    this.#told(neighbourBodyOf(neighbour), RtmType.newNeighbour, port);
  }

  #forwarding({ type, flags }: Asked, body: NeighbourBody): void {
    const entry = forwardingEntryOf(body);
    const link = this.#links.expect(body.header.index);
    if (!entry) throw new Refusal(Errno.EINVAL);
    if (!link.vxlan || (entry.flags & NeighbourFlag.self) === 0) throw new Refusal(Errno.EOPNOTSUPP);
    const same = this.#entries.filter(({ index, mac }) => index === entry.index && mac === entry.mac);
    const exact = same.find(({ destination }) => destination === entry.destination);
    if (type === RtmType.deleteNeighbour) {
      const doomed = entry.destination === undefined ? same : exact ? [exact] : [];
      if (doomed.length === 0) throw new Refusal(Errno.ENOENT);
      for (const one of doomed) this.#removeEntry(one);
      return;
    }
    if ((flags & Flag.append) !== 0 && same.length > 0) {
      // Only the zero MAC may have several destinations; for others this is nothing, and no failure.
      if (entry.mac !== ZERO_MAC) return;
      if (exact) throw new Refusal(Errno.EEXIST);
      this.#entries.push(entry);
    } else if ((flags & Flag.replace) !== 0) {
      // The new destination takes the place of the first, unless it is among them.
      const [first] = same;
      if (!exact) this.#entries = [...this.#entries.filter((other) => other !== first), entry];
    } else if (same.length > 0) throw new Refusal(Errno.EEXIST);
    else this.#entries.push(entry);
    // The kernel does not say who asked.
    this.#told(forwardingBodyOf(entry), RtmType.newNeighbour, 0);
  }

  list(payload: Uint8Array): readonly Shown[] {
    const { header, attributes } = neighbourBody.decode(payload);
    const isWanted = ({ index }: { readonly index: number }): boolean =>
      attributes.interface === undefined || attributes.interface === index;
    if (header.family === AddressFamily.bridge) {
      return this.#entries
        .filter(isWanted)
        .map((entry) => shown(RtmType.newNeighbour, neighbourBody, forwardingBodyOf(entry)));
    }
    const wantsProxy = (header.flags & NeighbourFlag.proxy) !== 0;
    return this.#neighbours
      .filter((neighbour) => isWanted(neighbour) && ((neighbour.flags & NeighbourFlag.proxy) !== 0) === wantsProxy)
      .map((neighbour) => shown(RtmType.newNeighbour, neighbourBody, neighbourBodyOf(neighbour)));
  }

  wentDown(index: number): void {
    for (const neighbour of this.#neighbours) if (neighbour.index === index) this.#removeNeighbour(neighbour, 0);
  }

  cameUp(): void {}

  /** What is not permanent is forgotten. */
  lostCarrier(index: number): void {
    for (const neighbour of this.#neighbours) {
      if (neighbour.index === index && (neighbour.state & NeighbourState.permanent) === 0) {
        this.#removeNeighbour(neighbour, 0);
      }
    }
  }

  gone(index: number): void {
    for (const entry of this.#entries) if (entry.index === index) this.#removeEntry(entry);
  }

  #removeNeighbour(neighbour: Neighbour, port: number): void {
    this.#neighbours = this.#neighbours.filter((other) => other !== neighbour);
    this.#told(neighbourBodyOf(neighbour), RtmType.deleteNeighbour, port);
  }

  #removeEntry(entry: ForwardingEntry): void {
    this.#entries = this.#entries.filter((other) => other !== entry);
    this.#told(forwardingBodyOf(entry), RtmType.deleteNeighbour, 0);
  }

  #told(body: NeighbourBody, type: number, port: number): void {
    this.#bus.notify(Group.neighbour, shown(type, neighbourBody, body), port);
  }
}

const ZERO_MAC = "00:00:00:00:00:00";

const isSameNeighbour = (a: Neighbour, b: Neighbour): boolean =>
  a.index === b.index && a.address === b.address && (a.flags & NeighbourFlag.proxy) === (b.flags & NeighbourFlag.proxy);
