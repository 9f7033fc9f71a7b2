/** Devices of the memory kernel: veth pairs, bridges, VXLAN devices. */
import { Flag } from "../../netlink/message.ts";
import { Group, LinkFlag, RtmType } from "../../netlink/rtnetlink/codes.ts";
import {
  type LinkAttributes,
  type LinkBody,
  linkBody,
  vethAttributes,
  vxlanAttributes,
} from "../../netlink/rtnetlink/link.ts";
import { Writer } from "../../wire/writer.ts";
import type { Asked, Bus, Shown } from "./bus.ts";
import { shown } from "./bus.ts";
import { Errno, Refusal } from "./refusal.ts";

type VxlanAttributes = ReturnType<(typeof vxlanAttributes)["decode"]>;

export interface MemoryLink {
  readonly index: number;
  name: string;
  readonly kind: string | undefined;
  mac: string;
  mtu: number;
  up: boolean;
  master: number | undefined;
  /** A veth's other end. */
  peer: number | undefined;
  readonly vxlan: VxlanAttributes | undefined;
}

/** What happens to a device, for the tables that hang on it. `name` is the one it had. */
export interface LinkWatcher {
  wentDown(index: number): void;
  cameUp(index: number): void;
  lostCarrier(index: number): void;
  gone(index: number): void;
}

/** The device that a kernel with the ipip module has from the start, and keeps. */
const FALLBACK = "tunl0";

const LARGEST_MTU = 65_535;

/** What the outer headers of a VXLAN take of the parent's MTU. */
const VXLAN_OVERHEAD = { v4: 50, v6: 70 } as const;

export class MemoryLinks {
  readonly #bus: Bus;
  readonly #byIndex = new Map<number, MemoryLink>();
  readonly watchers: LinkWatcher[] = [];
  #next = 2;
  #hasIpip = false;

  constructor(bus: Bus) {
    this.#bus = bus;
    this.#byIndex.set(1, {
      ...empty,
      index: 1,
      name: "lo",
      kind: undefined,
      mac: "00:00:00:00:00:00",
      mtu: 65_536,
      up: true,
    });
  }

  /** Loads the ipip module, as a kernel that has it does when it is first asked for. */
  loadIpip(): void {
    this.#hasIpip = true;
    this.#add({ name: FALLBACK, mtu: 1480 }, { kind: "ipip" });
  }

  all(): IterableIterator<MemoryLink> {
    return this.#byIndex.values();
  }

  get(index: number): MemoryLink | undefined {
    return this.#byIndex.get(index);
  }

  /** Throws Refusal ENODEV. */
  expect(index: number): MemoryLink {
    const link = this.#byIndex.get(index);
    if (!link) throw new Refusal(Errno.ENODEV);
    return link;
  }

  isRunning(link: MemoryLink): boolean {
    return link.up && (link.peer === undefined || (this.#byIndex.get(link.peer)?.up ?? false));
  }

  request({ type, flags, payload }: Asked): void {
    const body = linkBody.decode(payload);
    const found = this.#find(body);
    if (type === RtmType.deleteLink) {
      if (!found) throw new Refusal(Errno.ENODEV);
      if (found.kind !== "ipip" || found.name !== FALLBACK) this.#remove(found);
    } else if (found && (flags & Flag.exclusive) !== 0) throw new Refusal(Errno.EEXIST);
    else if (found) this.#change(found, body);
    else if ((flags & Flag.create) === 0) throw new Refusal(Errno.ENODEV);
    else this.#create(body);
  }

  /** The link that a RTM_GETLINK asks for. Throws Refusal ENODEV. */
  asked(payload: Uint8Array): Shown {
    const found = this.#find(linkBody.decode(payload));
    if (!found) throw new Refusal(Errno.ENODEV);
    return this.#shown(found, RtmType.newLink);
  }

  list(payload: Uint8Array): readonly Shown[] {
    const { attributes } = linkBody.decode(payload);
    return [...this.#byIndex.values()]
      .filter(({ master }) => attributes.master === undefined || attributes.master === master)
      .filter(({ kind }) => attributes.info?.kind === undefined || attributes.info.kind === kind)
      .map((link) => this.#shown(link, RtmType.newLink));
  }

  #find({ header, attributes }: LinkBody): MemoryLink | undefined {
    if (header.index !== 0) return this.#byIndex.get(header.index);
    const name = attributes.name ?? attributes.alternativeName;
    return [...this.#byIndex.values()].find((link) => link.name === name);
  }

  #create({ header, attributes }: LinkBody): void {
    if (attributes.namespaceFd !== undefined) throw new Refusal(Errno.EOPNOTSUPP, "the memory kernel is one namespace");
    const kind = attributes.info?.kind;
    const data = attributes.info?.data ?? new Uint8Array();
    if (kind === "veth") this.#createVeth(attributes, data);
    else if (kind === "vxlan") this.#createVxlan(attributes, data);
    else if (kind === "bridge" || (kind === "ipip" && this.#hasIpip)) this.#add(attributes, { kind });
    else throw new Refusal(Errno.EOPNOTSUPP, "Unknown device type");
    const made = this.#find({ header: { ...header, index: 0 }, attributes });
    if (made && (header.flags & LinkFlag.up) !== 0) this.#setUp(made, true);
  }

  #createVeth(attributes: LinkAttributes, data: Uint8Array): void {
    const { peer } = vethAttributes.decode(viewOf(data), 0, data.length);
    if (!peer) throw new Refusal(Errno.EINVAL);
    if (this.#find({ header: { ...peer.header, index: 0 }, attributes: peer.attributes }))
      throw new Refusal(Errno.EEXIST);
    const other = this.#add(peer.attributes, { kind: "veth" });
    const link = this.#add(attributes, { kind: "veth", peer: other.index });
    other.peer = link.index;
  }

  #createVxlan(attributes: LinkAttributes, data: Uint8Array): void {
    const vxlan = vxlanAttributes.decode(viewOf(data), 0, data.length);
    if (vxlan.link !== undefined && !this.#byIndex.has(vxlan.link)) {
      throw new Refusal(Errno.ENODEV, "Invalid local interface, device not found");
    }
    for (const link of this.#byIndex.values()) {
      if (link.vxlan?.id !== vxlan.id || link.vxlan?.port !== vxlan.port) continue;
      throw new Refusal(Errno.EEXIST, "A VXLAN device with the specified VNI already exists");
    }
    const most = this.#mostMtu(vxlan);
    this.#add({ ...attributes, mtu: Math.min(attributes.mtu ?? most, most) }, { kind: "vxlan", vxlan });
  }

  #mostMtu(vxlan: VxlanAttributes): number {
    const parent = vxlan.link === undefined ? undefined : this.#byIndex.get(vxlan.link);
    if (!parent) return 65_535;
    return parent.mtu - (vxlan.local6 === undefined ? VXLAN_OVERHEAD.v4 : VXLAN_OVERHEAD.v6);
  }

  #add(attributes: LinkAttributes, more: Partial<MemoryLink>): MemoryLink {
    if ((attributes.mtu ?? 0) > LARGEST_MTU) throw new Refusal(Errno.EINVAL, "mtu greater than device maximum");
    const index = this.#next++;
    const link = {
      ...empty,
      kind: undefined,
      index,
      name: attributes.name ?? `veth${index}`,
      mac: attributes.address ?? `02:00:00:00:00:${(index & 255).toString(16).padStart(2, "0")}`,
      mtu: attributes.mtu ?? 1500,
      ...more,
    };
    this.#byIndex.set(index, link);
    this.#told(link);
    return link;
  }

  #change(link: MemoryLink, { header, attributes }: LinkBody): void {
    if (attributes.mtu !== undefined && link.vxlan && attributes.mtu > this.#mostMtu(link.vxlan)) {
      throw new Refusal(Errno.EINVAL);
    }
    if (header.index !== 0 && attributes.name !== undefined && attributes.name !== link.name) {
      if ([...this.#byIndex.values()].some(({ name }) => name === attributes.name)) throw new Refusal(Errno.EEXIST);
      link.name = attributes.name;
    }
    link.mtu = attributes.mtu ?? link.mtu;
    link.mac = attributes.address ?? link.mac;
    if (attributes.master !== undefined) link.master = attributes.master === 0 ? undefined : attributes.master;
    this.#told(link);
    if ((header.change & LinkFlag.up) !== 0) this.#setUp(link, (header.flags & LinkFlag.up) !== 0);
  }

  #setUp(link: MemoryLink, up: boolean): void {
    if (link.up === up) return;
    link.up = up;
    this.#told(link);
    for (const watcher of this.watchers) {
      if (up) watcher.cameUp(link.index);
      else watcher.wentDown(link.index);
    }
    const peer = link.peer === undefined ? undefined : this.#byIndex.get(link.peer);
    if (!peer?.up) return;
    this.#told(peer);
    if (!up) for (const watcher of this.watchers) watcher.lostCarrier(peer.index);
  }

  #remove(link: MemoryLink): void {
    for (const child of [...this.#byIndex.values()]) if (child.vxlan?.link === link.index) this.#remove(child);
    this.#setUp(link, false);
    for (const watcher of this.watchers) watcher.gone(link.index);
    this.#byIndex.delete(link.index);
    this.#bus.notify(Group.link, this.#shown(link, RtmType.deleteLink), 0);
    const peer = link.peer === undefined ? undefined : this.#byIndex.get(link.peer);
    if (peer) this.#remove(peer);
  }

  #told(link: MemoryLink): void {
    this.#bus.notify(Group.link, this.#shown(link, RtmType.newLink), 0);
  }

  #shown(link: MemoryLink, type: number): Shown {
    const isRunning = this.isRunning(link);
    const writer = new Writer();
    if (link.vxlan) vxlanAttributes.encode(writer, link.vxlan);
    const flags = (link.up ? LinkFlag.up : 0) | (isRunning ? LinkFlag.running | LinkFlag.lowerUp : 0);
    return shown(type, linkBody, {
      header: { index: link.index, type: link.index === 1 ? 772 : 1, flags },
      attributes: {
        name: link.name,
        mtu: link.mtu,
        address: link.mac,
        operState: isRunning ? 6 : 2,
        master: link.master,
        link: link.peer ?? link.vxlan?.link,
        info: link.kind === undefined ? undefined : { kind: link.kind, data: writer.finish() },
      },
    });
  }
}

const empty = { up: false, master: undefined, peer: undefined, vxlan: undefined } as const;

const viewOf = (octets: Uint8Array): DataView => new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
