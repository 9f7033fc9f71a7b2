/** What carries IP-in-IP: the kernel's own module where it has it, else two BPF programs. Found out once, at start. */
import type { IpipLink } from "../../compile/node-state.ts";
import type { Rtnetlink } from "../../kernel/rtnetlink.ts";
import type { RtnetlinkEvent } from "../../netlink/rtnetlink/event.ts";
import type { Link } from "../../netlink/rtnetlink/link.ts";
import type { KernelError } from "../../port/netlink.ts";

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
