/** Nexthop objects of the memory kernel. They go without a word with their device's carrier. */
import { Flag } from "../../netlink/message.ts";
import { Group, RtmType } from "../../netlink/rtnetlink/codes.ts";
import { type NexthopObject, nexthopBody, nexthopBodyOf, nexthopOf } from "../../netlink/rtnetlink/nexthop.ts";
import { type Asked, type Bus, type Shown, shown } from "./bus.ts";
import type { LinkWatcher, MemoryLinks } from "./links.ts";
import { Errno, Refusal } from "./refusal.ts";

export class MemoryNexthops implements LinkWatcher {
  readonly #bus: Bus;
  readonly #links: MemoryLinks;
  readonly #byId = new Map<number, NexthopObject>();
  /** Told of each object that goes, while it is still known. */
  removed: (id: number) => void = () => undefined;

  constructor(bus: Bus, links: MemoryLinks) {
    this.#bus = bus;
    this.#links = links;
  }

  get(id: number): NexthopObject | undefined {
    return this.#byId.get(id);
  }

  ids(): readonly number[] {
    return [...this.#byId.keys()].sort((a, b) => a - b);
  }

  request({ type, flags, payload, port }: Asked): void {
    const nexthop = nexthopOf(nexthopBody.decode(payload));
    if (type === RtmType.deleteNexthop) {
      const there = this.#byId.get(nexthop.id);
      if (!there) throw new Refusal(Errno.ENOENT);
      this.#drop(nexthop.id);
      this.#told(there, RtmType.deleteNexthop, port);
      return;
    }
    if (nexthop.group) throw new Refusal(Errno.EOPNOTSUPP, "the memory kernel has no groups");
    const link = this.#links.expect(nexthop.device ?? 0);
    if (!link.up) throw new Refusal(Errno.ENETDOWN, "Nexthop device is not up");
    if (!this.#links.isRunning(link)) throw new Refusal(Errno.ENETDOWN, "Carrier for nexthop device is down");
    if (this.#byId.has(nexthop.id) && (flags & Flag.exclusive) !== 0) throw new Refusal(Errno.EEXIST);
    this.#byId.set(nexthop.id, nexthop);
    this.#told(nexthop, RtmType.newNexthop, port);
  }

  list(payload: Uint8Array): readonly Shown[] {
    const { attributes } = nexthopBody.decode(payload);
    return [...this.#byId.values()]
      .filter(({ device }) => attributes.device === undefined || attributes.device === device)
      .map((nexthop) => shown(RtmType.newNexthop, nexthopBody, nexthopBodyOf(nexthop)));
  }

  wentDown(index: number): void {
    for (const { id, device } of [...this.#byId.values()]) if (device === index) this.#drop(id);
  }

  cameUp(): void {}

  lostCarrier(index: number): void {
    this.wentDown(index);
  }

  gone(index: number): void {
    this.wentDown(index);
  }

  #drop(id: number): void {
    this.removed(id);
    this.#byId.delete(id);
  }

  #told(nexthop: NexthopObject, type: number, port: number): void {
    this.#bus.notify(Group.nexthop, shown(type, nexthopBody, nexthopBodyOf(nexthop)), port);
  }
}
