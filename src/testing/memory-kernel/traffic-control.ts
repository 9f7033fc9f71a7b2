/** clsact qdiscs and bpf filters of the memory kernel. */
import { Flag } from "../../netlink/message.ts";
import { Group, RtmType } from "../../netlink/rtnetlink/codes.ts";
import { bpfFilterAttributes, clsactBodyOf, trafficBody } from "../../netlink/rtnetlink/traffic-control.ts";
import { Writer } from "../../wire/writer.ts";
import type { MemoryBpf } from "../memory-bpf.ts";
import type { Asked, Bus, Shown } from "./bus.ts";
import { shown } from "./bus.ts";
import type { LinkWatcher, MemoryLinks } from "./links.ts";
import { Errno, Refusal } from "./refusal.ts";

export interface MemoryFilter {
  readonly index: number;
  readonly parent: number;
  readonly handle: number;
  readonly info: number;
  readonly name: string;
  readonly programId: number;
}

const NO_SUCH_FILTER = "Specified filter handle not found";

export class MemoryTraffic implements LinkWatcher {
  readonly #bus: Bus;
  readonly #links: MemoryLinks;
  readonly #bpf: MemoryBpf;
  /** Devices with a clsact, and its filters. */
  readonly #filters = new Map<number, MemoryFilter[]>();

  constructor(bus: Bus, links: MemoryLinks, bpf: MemoryBpf) {
    this.#bus = bus;
    this.#links = links;
    this.#bpf = bpf;
  }

  /** Filters by the device that they are on. */
  all(): readonly MemoryFilter[] {
    return [...this.#filters.values()].flat();
  }

  request(asked: Asked): void {
    const { header } = trafficBody.decode(asked.payload);
    this.#links.expect(header.index);
    if (asked.type === RtmType.newQdisc) this.#addQdisc(header.index, asked);
    else if (asked.type === RtmType.deleteQdisc) this.#deleteQdisc(header.index);
    else if (asked.type === RtmType.newFilter) this.#replaceFilter(asked);
    else this.#deleteFilter(asked);
  }

  #addQdisc(index: number, { flags }: Asked): void {
    if (this.#filters.has(index)) {
      if ((flags & Flag.exclusive) !== 0) throw new Refusal(Errno.EEXIST, "Exclusivity flag on, cannot modify");
      return;
    }
    this.#filters.set(index, []);
    this.#bus.notify(Group.trafficControl, clsact(index, RtmType.newQdisc), 0);
  }

  #deleteQdisc(index: number): void {
    if (!this.#filters.delete(index))
      throw new Refusal(Errno.EINVAL, "Cannot find specified qdisc on specified device");
    this.#bus.notify(Group.trafficControl, clsact(index, RtmType.deleteQdisc), 0);
  }

  #replaceFilter({ payload, port }: Asked): void {
    const { header, attributes } = trafficBody.decode(payload);
    const { index, parent, handle, info } = header;
    const filters = this.#filters.get(index);
    const options = attributes.options ?? new Uint8Array();
    const data = bpfFilterAttributes.decode(
      new DataView(options.buffer, options.byteOffset, options.byteLength),
      0,
      options.byteLength,
    );
    const programId = this.#bpf.idOf(data.fd ?? -1);
    if (!filters || programId === undefined) throw new Refusal(Errno.EINVAL);
    const filter = { index, parent, handle, info, name: data.name ?? "", programId };
    const at = filters.findIndex((other) => isSame(other, filter));
    if (at < 0) filters.push(filter);
    else filters[at] = filter;
    this.#bus.notify(Group.trafficControl, filterShown(filter, RtmType.newFilter), port);
  }

  #deleteFilter({ payload, port }: Asked): void {
    const { header } = trafficBody.decode(payload);
    const filters = this.#filters.get(header.index) ?? [];
    const at = filters.findIndex((other) => isSame(other, header));
    const [gone] = at < 0 ? [] : filters.splice(at, 1);
    if (!gone) throw new Refusal(Errno.ENOENT, NO_SUCH_FILTER);
    this.#bus.notify(Group.trafficControl, filterShown(gone, RtmType.deleteFilter), port);
  }

  listQdiscs(): readonly Shown[] {
    return [...this.#filters.keys()].map((index) => clsact(index, RtmType.newQdisc));
  }

  listFilters(payload: Uint8Array): readonly Shown[] {
    const { header } = trafficBody.decode(payload);
    return (this.#filters.get(header.index) ?? [])
      .filter(({ parent }) => parent === header.parent)
      .map((filter) => filterShown(filter, RtmType.newFilter));
  }

  /** What a device carried goes with it without a word. */
  gone(index: number): void {
    this.#filters.delete(index);
  }

  wentDown(): void {}
  cameUp(): void {}
  lostCarrier(): void {}
}

type Place = Pick<MemoryFilter, "parent" | "handle" | "info">;

const isSame = (a: Place, b: Place): boolean => a.parent === b.parent && a.handle === b.handle && a.info === b.info;

const clsact = (index: number, type: number): Shown => shown(type, trafficBody, clsactBodyOf(index));

function filterShown({ index, parent, handle, info, name, programId }: MemoryFilter, type: number): Shown {
  const options = new Writer();
  bpfFilterAttributes.encode(options, { name, flags: 1, programId });
  return shown(type, trafficBody, {
    header: { index, parent, handle, info },
    attributes: { kind: "bpf", options: options.finish() },
  });
}
