/** What a BIRD is told beside the speaker's configuration: which routes go into the kernel, and how they leave. */
import type { Ipv4 } from "../../ip/address.ts";
import type { Prefix } from "../../ip/prefix.ts";

export interface KernelExport {
  /** Asked in order: the first range that holds a learned route decides; routes in none stay out. */
  readonly ranges: readonly KernelRange[];
  /** Left out: learned routes leave by the way to their next hop. */
  readonly tunnel?: {
    readonly device: string;
    /** Next hops behind the tunnel; others are reached by the host's own routes. */
    readonly nextHops: readonly Ipv4[];
  };
}

export interface KernelRange {
  readonly prefix: Prefix;
  readonly verdict: "accept" | "reject";
  /** For people: `pool default-ipv4-ippool`. */
  readonly about: string;
}
