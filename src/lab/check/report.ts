/** What a check finds: who reaches whom, how, and why not. Plain data, the output of `lab check -o json`. */
import type { ProbeProtocol } from "../../port/prober.ts";

/** `small`: an everyday packet; `mtu`: as large as the pods' devices take, with DF. */
export type ProbeSize = "small" | "mtu";

/** `local`: it never left its host. `none`: nothing of it was seen. `mixed`: packets of one path travelled differently. */
export type PathKind = "vxlan" | "ipip" | "bare" | "local" | "none" | "mixed";

export interface ProbeReport {
  readonly protocol: ProbeProtocol;
  readonly size: ProbeSize;
  /** Octets of the largest IP packet. */
  readonly octets: number;
  readonly ok: boolean;
  /** Where it got lost, and what dropped it: a sentence. */
  readonly reason?: string;
}

export interface PairReport {
  readonly from: string;
  readonly to: string;
  readonly ok: boolean;
  readonly probes: readonly ProbeReport[];
  /** Of the way there and of the way back, as captured at the hosts' NICs in the underlay. */
  readonly path: PathKind;
  readonly back: PathKind;
  /** One captured frame of the way there, in words. */
  readonly proof?: string;
  /** Of a small ICMP echo while nothing else was asked. */
  readonly roundTripMs?: number;
  /** Why not: the reasons of the probes that failed, each once. */
  readonly reasons: readonly string[];
}

export interface CheckedPod {
  readonly key: string;
  readonly host: string;
  readonly address: string;
  readonly mtu: number;
}

export interface CheckReport {
  readonly topology: string;
  readonly pods: readonly CheckedPod[];
  /** Every ordered pair of different pods. */
  readonly pairs: readonly PairReport[];
  readonly ok: boolean;
  /** How long it took. */
  readonly tookMs: number;
}
