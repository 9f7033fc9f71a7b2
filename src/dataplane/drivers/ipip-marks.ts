/**
 * How the filters of an IP-in-IP tunnel are known by whoever has no memory: their names tell what their programs were made for,
 * and which programs these were.
 *
 *     ocicat_encap_10.30.0.136_2_1f0c9a3e     local address, index of the NIC, digest
 *     ocicat_decap_10.30.0.136_7_88b1d024     local address, index of the tunnel's device, digest
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

/** A filter of ours. */
export interface Mark {
  readonly duty: Duty;
  readonly filter: BpfFilter;
  readonly local: Ipv4;
  /** The device that its program sends to. */
  readonly target: IfIndex;
  /** Whether the program is the one that this version makes. */
  readonly isCurrent: boolean;
}

const NAME = /^ocicat_(encap|decap)_([\d.]+)_(\d+)_([0-9a-f]{8})$/;

/** Before others, which might take packets away, and behind one who must be the first. */
const PRIORITY = 5;
const HANDLE = 1;
/** ETH_P_ALL, ETH_P_IP: the tunnel drops what is no IPv4, the NIC does not show it. */
const protocols = { encap: 0x0003, decap: 0x0800 } as const;

/** Maps are another's affair: they may be old ones. So is the device at whose other end the program is. */
function digestOf(duty: Duty, local: Ipv4, target: IfIndex): string {
  const program =
    duty === "encap"
      ? encapsulation({ local, parent: target, tunnel: 0, pathMtus: 0 })
      : decapsulation({ local, tunnel: target, sources: 0, pathMtus: 0 });
  return createHash("sha256").update(program).digest("hex").slice(0, 8);
}

/** The filter on a device's ingress that runs the program `fd`. */
export const filterFor = (duty: Duty, index: IfIndex, local: Ipv4, target: IfIndex, fd: number): BpfFilter => ({
  index,
  direction: "ingress",
  priority: PRIORITY,
  protocol: protocols[duty],
  handle: HANDLE,
  name: `ocicat_${duty}_${formatAddress(local)}_${target}_${digestOf(duty, local, target)}`,
  fd,
});

/** Whether a filter's name is one of ours, of whatever version. */
export const isMarked = ({ name }: BpfFilter): boolean => NAME.test(name);

function markOf(filter: BpfFilter): Mark | undefined {
  const [, duty, text = "", index = "", digest] = NAME.exec(filter.name) ?? [];
  const local = tryParseIpv4(text);
  if ((duty !== "encap" && duty !== "decap") || local === undefined) return undefined;
  const target = Number(index);
  const isInPlace = filter.priority === PRIORITY && filter.protocol === protocols[duty];
  return { duty, filter, local, target, isCurrent: isInPlace && digest === digestOf(duty, local, target) };
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
