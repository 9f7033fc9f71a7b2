/**
 * How the filters of an IP-in-IP tunnel are known by whoever has no memory: their names tell what their programs were made for,
 * and which programs these were.
 *
 *     ocicat_encap_10.30.0.136/24_2_1f0c9a3e     local address and its subnet, index of the NIC, digest
 *     ocicat_decap_10.30.0.136_7_88b1d024        local address, index of the tunnel's device, digest
 */
import { createHash } from "node:crypto";
import { decapsulation } from "../../bpf/ipip-decapsulate.ts";
import { encapsulation } from "../../bpf/ipip-encapsulate.ts";
import { formatAddress, type Ipv4, tryParseIpv4 } from "../../ip/address.ts";
import type { LinkTable } from "../../kernel/link-table.ts";
import type { Rtnetlink } from "../../kernel/rtnetlink.ts";
import { bpfFilters, qdiscs } from "../../kernel/rtnetlink-dumps.ts";
import type { IfIndex } from "../../netlink/rtnetlink/link.ts";
import type { BpfFilter } from "../../netlink/rtnetlink/traffic-control.ts";

type Duty = "encap" | "decap";

/** What a program was made for. */
export interface Purpose {
  readonly duty: Duty;
  readonly local: Ipv4;
  /** Of the encapsulating one, 0 … 32. */
  readonly subnetLength?: number;
  /** The device that it sends to. */
  readonly target: IfIndex;
}

/** A filter of ours. */
export interface Mark extends Purpose {
  readonly filter: BpfFilter;
  /** Whether the program is the one that this version makes. */
  readonly isCurrent: boolean;
}

const NAME = /^ocicat_(encap|decap)_([\d.]+)(?:\/(\d+))?_(\d+)_([0-9a-f]{8})$/;

/** Before others, which might take packets away, and behind one who must be the first. */
const PRIORITY = 5;
const HANDLE = 1;
/** Of a subnet in which nobody else is: every node is reached as the kernel's routes say. */
export const HOST_LENGTH = 32;
/** ETH_P_ALL, ETH_P_IP: the tunnel drops what is no IPv4, the NIC does not show it. */
const protocols = { encap: 0x0003, decap: 0x0800 } as const;

/** Maps are another's affair: they may be old ones. So is the device at whose other end the program is. */
function digestOf({ duty, local, subnetLength = HOST_LENGTH, target }: Purpose): string {
  const program =
    duty === "encap"
      ? encapsulation({ local, subnetLength, parent: target, tunnel: 0, pathMtus: 0 })
      : decapsulation({ local, tunnel: target, sources: 0, pathMtus: 0 });
  return createHash("sha256").update(program).digest("hex").slice(0, 8);
}

/** The filter on a device's ingress that runs the program `fd`. */
export const filterFor = (purpose: Purpose, index: IfIndex, fd: number): BpfFilter => ({
  index,
  direction: "ingress",
  priority: PRIORITY,
  protocol: protocols[purpose.duty],
  handle: HANDLE,
  name: nameOf(purpose),
  fd,
});

function nameOf(purpose: Purpose): string {
  const { duty, local, subnetLength, target } = purpose;
  const subnet = subnetLength === undefined ? "" : `/${subnetLength}`;
  return `ocicat_${duty}_${formatAddress(local)}${subnet}_${target}_${digestOf(purpose)}`;
}

/** Whether a filter's name is one of ours, of whatever version. */
export const isMarked = ({ name }: BpfFilter): boolean => NAME.test(name);

function markOf(filter: BpfFilter): Mark | undefined {
  const [, duty, text = "", length, index = ""] = NAME.exec(filter.name) ?? [];
  const local = tryParseIpv4(text);
  if ((duty !== "encap" && duty !== "decap") || local === undefined || Number(length ?? 0) > HOST_LENGTH)
    return undefined;
  const subnet = length === undefined ? {} : { subnetLength: Number(length) };
  const purpose: Purpose = { duty, local, ...subnet, target: Number(index) };
  const isInPlace = filter.priority === PRIORITY && filter.protocol === protocols[duty];
  return { ...purpose, filter, isCurrent: isInPlace && filter.name === nameOf(purpose) };
}

/** All filters of ours, on whatever devices. Throws KernelError. */
export async function readMarks(rtnetlink: Rtnetlink, links: LinkTable): Promise<readonly Mark[]> {
  const carriers = await rtnetlink.dump(qdiscs(), ({ index, kind }) => (carriesFilters(kind) ? index : undefined));
  const marks: Mark[] = [];
  for (const index of carriers) {
    if (links.byIndex(index)) marks.push(...(await rtnetlink.dump(bpfFilters(index, "ingress"), markOf)));
  }
  return marks;
}

/** Kinds of qdiscs that filters of a device's ingress hang on. */
export const carriesFilters = (kind: string): boolean => kind === "clsact" || kind === "ingress";
