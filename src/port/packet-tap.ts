/** Copies of the frames that pass the devices of a network namespace. */
import type { NetNamespace } from "./namespaces.ts";

export interface Frame {
  /** From the link layer on; valid only during the call. */
  readonly octets: Uint8Array;
  /** Length on the wire, more than `octets` where the tap keeps only the beginning. */
  readonly length: number;
  /** The device that it passed, in the tap's namespace. */
  readonly ifIndex: number;
  /** Whether the device sent it; else it received it. */
  readonly outgoing: boolean;
  /** ARPHRD_* of the device: 1 Ethernet, 65534 none (TUN), 768 IP-in-IP. */
  readonly linkType: number;
}

export interface TapOptions {
  /** One device; all of the namespace when left out. */
  readonly ifIndex?: number;
  /** Octets kept of each frame. */
  readonly snapOctets?: number;
}

export interface PacketTap {
  /** Reads what waits now, before it returns. */
  drain(): void;
  /** Frames that were lost since the last time of asking, because nobody read them in time. */
  lost(): number;
  close(): void;
}

export interface PacketTaps {
  /** Calls `frame` for each frame from now on. Throws KernelError. */
  open(net: NetNamespace, options: TapOptions, frame: (frame: Frame) => void): PacketTap;
}
