/** What carries IP-in-IP: the kernel's own module where it has it, else two BPF programs, else a process. Found out once, at start. */
import { decapsulation } from "../../bpf/ipip-decapsulate.ts";
import { encapsulation } from "../../bpf/ipip-encapsulate.ts";
import type { IpipLink } from "../../compile/node-state.ts";
import { ipv4Of } from "../../ip/address.ts";
import type { Rtnetlink } from "../../kernel/rtnetlink.ts";
import type { RtnetlinkEvent } from "../../netlink/rtnetlink/event.ts";
import type { Link } from "../../netlink/rtnetlink/link.ts";
import type { Bpf, BpfObject } from "../../port/bpf.ts";
import { KernelError } from "../../port/netlink.ts";
import type { TunnelServer } from "../../port/tunnel-server.ts";

export interface IpipCarrier {
  /** What the kernel holds under the tunnel's name, or of it elsewhere. Throws KernelError. */
  read(): Promise<IpipLink | undefined>;
  equal(desired: IpipLink, actual: IpipLink): boolean;
  /** Makes it, or makes it right. `parent` is the desired one's device. */
  make(desired: IpipLink, parent: Link): Promise<KernelError | undefined>;
  /** Takes it away; what is gone already is no failure. */
  remove(): Promise<KernelError | undefined>;
  /** Whether a device of this name is a part of it. */
  concerns(device: string): boolean;
  /** Whether a notification tells of a change to it beyond its devices. */
  isTouchedBy(event: RtnetlinkEvent): boolean;
}

/** What no device may have: a kernel that knows the kind refuses the number, one that does not the kind. */
const NO_MTU = 0xffffffff;

/** Whether this kernel makes devices of kind ipip; a module that can be loaded is loaded by the question. Throws KernelError. */
export async function hasKernelIpip(rtnetlink: Rtnetlink): Promise<boolean> {
  const [refusal] = await rtnetlink.executeOffLoop([
    { type: "createIpip", link: { name: "ocicat-probe", mtu: NO_MTU } },
  ]);
  if (!refusal || refusal.errno === "EINVAL") return true;
  if (refusal.errno === "EOPNOTSUPP") return false;
  throw refusal;
}

/** Whether the two programs can be had; if not, what the kernel says to them. */
export function whyNoPrograms(bpf: Bpf): string | undefined {
  const held: BpfObject[] = [];
  try {
    const map = bpf.createMap({ name: "ocicat_probe", keyOctets: 4, valueOctets: 4, entries: 1 });
    held.push(map);
    const to = { local: ipv4Of(0), tunnel: 1, pathMtus: map.fd };
    held.push(bpf.loadProgram("ocicat_decap", decapsulation({ ...to, sources: map.fd })));
    held.push(bpf.loadProgram("ocicat_encap", encapsulation({ ...to, subnetLength: 0, parent: 1 })));
    return undefined;
  } catch (failure) {
    if (failure instanceof KernelError) return failure.message;
    throw failure;
  } finally {
    for (const object of held) object.close();
  }
}

/** What carries IP-in-IP on this host, and what keeps it from what would be better. */
export interface IpipChoice {
  /** `none`: not even a process can. It is tried again whenever the tunnel is wanted. */
  readonly carrier: "module" | "bpf" | "process" | "none";
  /** In words. */
  readonly why: string;
}

/** Throws KernelError. */
export async function chooseIpip(rtnetlink: Rtnetlink, bpf: Bpf, server: TunnelServer): Promise<IpipChoice> {
  if (await hasKernelIpip(rtnetlink)) return { carrier: "module", why: "the kernel has ipip" };
  const noModule = "the kernel has no ipip";
  const refusal = whyNoPrograms(bpf);
  if (refusal === undefined) return { carrier: "bpf", why: noModule };
  const closed = server.whyNot();
  if (closed === undefined) return { carrier: "process", why: `${noModule}; ${refusal}` };
  return { carrier: "none", why: `${noModule}; ${refusal}; ${closed}` };
}
