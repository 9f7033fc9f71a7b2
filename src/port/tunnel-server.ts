/**
 * The process that carries IP-in-IP where the kernel does not: it holds the tunnel's device, which goes with it, outlives whoever
 * started it, and is found again.
 */
import type { Ipv4 } from "../ip/address.ts";

/** Packets since the process began. */
export interface TunnelCounters {
  /** Came from the wire and went on. */
  received: number;
  /** Not sent: no IPv4, no node, or the kernel refused the outer packet. */
  notSent: number;
  /** Came from a source that is not known. */
  unknownSource: number;
  /** Came and had lost their shape, or the device refused them. */
  notReceived: number;
}

export const noPackets = (): TunnelCounters => ({ received: 0, notSent: 0, unknownSource: 0, notReceived: 0 });

export interface TunnelState {
  /** PRODUCT_VERSION of the process. */
  readonly version: string;
  readonly pid: number;
  readonly device: string;
  /** Missing until it is told. */
  readonly local?: Ipv4;
  /** The NIC that was meant; outer packets leave by route. */
  readonly parent: string;
  /** Nodes that may send. */
  readonly sources: ReadonlySet<Ipv4>;
  readonly counters: TunnelCounters;
}

/** What is left out stays as it is. */
export interface TunnelChange {
  readonly local?: Ipv4;
  readonly parent?: string;
  readonly mtu?: number;
  readonly add?: readonly Ipv4[];
  readonly remove?: readonly Ipv4[];
}

export interface TunnelServer {
  /** Why no such process could make its device, undefined where it could. */
  whyNot(): string | undefined;
  /** What the process says of itself; undefined: there is none. Rejects with KernelError where it does not answer. */
  state(): Promise<TunnelState | undefined>;
  /** Starts it and waits for its device, which is down. Rejects with the KernelError of what it was refused. */
  start(device: string): Promise<void>;
  /** False: there is no process that could be told. Rejects with KernelError where it refuses, or does not answer. */
  change(change: TunnelChange): Promise<boolean>;
  /** Ends it, by force where it does not listen. One that is gone is no failure. */
  stop(): Promise<void>;
}
