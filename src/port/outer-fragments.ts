/**
 * Outer packets of IP-in-IP that came in fragments. Programs at a NIC see fragments alone; the stack joins them and gives the packet
 * to whoever has a raw socket, who gives the inner one to the tunnel's device.
 */
import type { Ipv4 } from "../ip/address.ts";
import type { IfIndex } from "../netlink/rtnetlink/link.ts";
import type { BpfMap } from "./bpf.ts";

export interface FragmentedTunnel {
  /** Outer packets come to this address. */
  readonly local: Ipv4;
  /** The other end of the tunnel's device: what is sent there comes in by the tunnel. */
  readonly through: IfIndex;
  /** Octets of the longest packet that the device takes. */
  readonly mtu: number;
  /** Its keys are the nodes that may send. */
  readonly sources: BpfMap;
}

export interface OuterFragments {
  /** Joins those of this tunnel, and of no other, from now on. Takes the map over. A tunnel without it is one. */
  join(tunnel: FragmentedTunnel): void;
  /** Leaves them alone. Idempotent. */
  leave(): void;
}
