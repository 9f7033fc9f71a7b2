/** Probes: one question from a network namespace to an address, and whether its answer came. */
import type { Ipv4 } from "../ip/address.ts";
import type { NetNamespace } from "./namespaces.ts";

export type ProbeProtocol = "icmp" | "tcp" | "udp";

export interface Probe {
  readonly protocol: ProbeProtocol;
  readonly to: Ipv4;
  /** Of the TCP or UDP echo service. */
  readonly port: number;
  /**
   * Octets of the largest IP packet that the probe shall send, header included, with DF. TCP sends enough data to fill
   * segments of its own finding where this is above 576.
   */
  readonly packetOctets: number;
  readonly timeoutMs: number;
}

/** What tells a probe's packets from others: the identifier of an ICMP echo, or the local port. */
export interface ProbeSent {
  readonly ident: number;
}

export type ProbeOutcome = ProbeSent &
  (
    | { readonly ok: true; readonly roundTripMs: number }
    /** `tooBig`: a device on the way cannot carry it (EMSGSIZE); `errno` where the kernel named one. */
    | {
        readonly ok: false;
        readonly why: "timeout" | "refused" | "tooBig" | "unreachable" | "failed";
        readonly errno?: string;
      }
  );

export interface Prober {
  /** Never rejects: what fails is the outcome. */
  probe(from: NetNamespace, probe: Probe): Promise<ProbeOutcome>;
}
