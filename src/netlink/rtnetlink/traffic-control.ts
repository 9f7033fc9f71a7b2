/** Traffic control as far as BPF programs need it: the clsact qdisc and its bpf filters (linux/pkt_sched.h, pkt_cls.h). */
import { AttributeSet, octets, text, u32 } from "../attributes.ts";
import { BodyCodec, type BodyIn } from "./body.ts";
import type { IfIndex } from "./link.ts";

const tcmsg = {
  family: "u8",
  pad: "u8",
  pad2: "u16",
  index: "i32",
  handle: "u32",
  parent: "u32",
  info: "u32",
} as const;

/** TCA_*. `options` depend on the kind. */
export const trafficBody = new BodyCodec(tcmsg, new AttributeSet({ kind: [1, text], options: [2, octets] } as const));
export type TrafficBody = BodyIn<typeof trafficBody>;

/** TCA_BPF_*. */
export const bpfFilterAttributes = new AttributeSet({
  fd: [6, u32],
  name: [7, text],
  flags: [8, u32],
  tag: [10, octets],
  programId: [11, u32],
} as const);

/** TC_H_CLSACT, and the handle that the kernel gives it. */
const CLSACT = { parent: 0xfffffff1, handle: 0xffff0000 } as const;
/** Where a clsact qdisc runs filters: TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_…). */
const directions = { ingress: 0xfffffff2, egress: 0xfffffff3 } as const;
export type Direction = keyof typeof directions;

/** TCA_BPF_FLAG_ACT_DIRECT: what the program returns is the verdict. */
const DIRECT_ACTION = 1;

/** A queueing discipline; `clsact` is the one without a queue that carries filters. */
export interface Qdisc {
  readonly index: IfIndex;
  readonly kind: string;
}

/** A BPF program at work on a device. */
export interface BpfFilter {
  readonly index: IfIndex;
  readonly direction: Direction;
  /** Lower is asked first. */
  readonly priority: number;
  /** ETH_P_*: which packets are shown to it, 3 for all. */
  readonly protocol: number;
  readonly handle: number;
  /** Any text of at most 255 octets. */
  readonly name: string;
  /** The kernel's number of the program; only in answers. */
  readonly programId?: number;
  /** Descriptor of the program; only in requests. */
  readonly fd?: number;
}

export const qdiscOf = ({ header, attributes }: TrafficBody): Qdisc => ({
  index: header.index,
  kind: attributes.kind ?? "",
});

/** The body that makes, removes or lists the clsact qdisc of a device. */
export const clsactBodyOf = (index: IfIndex): TrafficBody => ({
  header: { ...empty, index, ...CLSACT },
  attributes: { kind: "clsact" },
});

/** The filter in the message; undefined for other kinds, and for filters of other qdiscs. */
export function filterOf({ header, attributes }: TrafficBody): BpfFilter | undefined {
  const direction =
    header.parent === directions.ingress ? "ingress" : header.parent === directions.egress ? "egress" : undefined;
  if (attributes.kind !== "bpf" || direction === undefined || attributes.options === undefined) return undefined;
  const view = new DataView(attributes.options.buffer, attributes.options.byteOffset, attributes.options.byteLength);
  const { name, programId } = bpfFilterAttributes.decode(view, 0, view.byteLength);
  return {
    index: header.index,
    direction,
    priority: header.info >>> 16,
    protocol: swapped(header.info & 0xffff),
    handle: header.handle,
    name: name ?? "",
    ...(programId === undefined ? {} : { programId }),
  };
}

/** The header of a request about a filter, or a direction's filters. */
export const filterHeaderOf = (
  filter: Pick<BpfFilter, "index" | "direction"> & Partial<Pick<BpfFilter, "priority" | "protocol" | "handle">>,
): TrafficBody["header"] => ({
  ...empty,
  index: filter.index,
  parent: directions[filter.direction],
  handle: filter.handle ?? 0,
  info: (((filter.priority ?? 0) << 16) | swapped(filter.protocol ?? 0)) >>> 0,
});

/** What a request to set a filter nests. */
export const filterOptionsOf = ({ fd, name }: BpfFilter) => ({ fd, name, flags: DIRECT_ACTION });

const empty = { family: 0, pad: 0, pad2: 0, handle: 0, parent: 0, info: 0 } as const;

/** The protocol is big-endian inside a number of the host's order. */
const swapped = (protocol: number): number => ((protocol & 0xff) << 8) | (protocol >>> 8);
