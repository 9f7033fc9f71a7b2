/**
 * A path: what one source says of every prefix that it announces with the same attributes and that import treats alike. Routes
 * point to it, so that a million of them hold a pointer each, and what the decision process compares is worked out once.
 */
import { type Family, type Ipv4, ipv4Of, ipv6Of } from "../../ip/address.ts";
import type { Origination } from "../config.ts";
import { DEFAULT_LOCAL_PREF } from "../filter/conditions.ts";
import type { Asn, AsPathSegment, AttributeSet } from "../message/types.ts";
import type { Exported } from "./export.ts";
import type { ImportRejection } from "./import.ts";
import type { NextHop } from "./next-hops.ts";
import type { Peer } from "./peer.ts";
import type { BestChange } from "./types.ts";

/** Where a path comes from: a peer, or this node itself. */
export type PathSource =
  | { readonly peer: Peer; readonly origination?: undefined }
  | { readonly peer?: undefined; readonly origination: Origination };

/** What an update group tells of a path, once for all prefixes whose attributes its filter leaves alike. */
export interface Made {
  /** Who made it. */
  readonly by: { readonly isClosed: boolean };
  readonly family: Family;
  readonly filtered: AttributeSet;
  /** Undefined: nothing. */
  readonly exported: Exported | undefined;
  readonly next: Made | undefined;
}

/** A class for one shape of all of them: the decision process reads little else. */
export class Path {
  readonly peer: Peer | undefined;
  readonly origination: Origination | undefined;
  /** As they came. */
  readonly received: AttributeSet;
  /** As import left them; those received where it rejected the route. */
  readonly attributes: AttributeSet;
  /** Why it is no candidate. */
  readonly rejection: ImportRejection | undefined;
  /** Undefined for our own, and for what was rejected whatever its next hop. */
  readonly hop: NextHop | undefined;
  /** Routes that point to it. */
  uses = 0;
  /** Another path of the same peer with the same received attributes. */
  sibling: Path | undefined = undefined;
  /** What update groups have made of it. */
  made: Made | undefined = undefined;
  #withoutMed: AttributeSet | undefined = undefined;
  #routes: BestChange["routes"] | undefined = undefined;

  readonly localPref: number;
  /** It is used even before our own. */
  readonly beatsOwn: boolean;
  readonly asPathLength: number;
  readonly originRank: number;
  readonly med: number;
  /** 0: the path begins in our own AS. */
  readonly neighbourAs: Asn;

  constructor(
    source: PathSource,
    received: AttributeSet,
    imported: { readonly attributes: AttributeSet; readonly rejection?: ImportRejection | undefined },
    hop: NextHop | undefined,
  ) {
    this.peer = source.peer;
    this.origination = source.origination;
    this.received = received;
    this.attributes = imported.attributes;
    this.rejection = imported.rejection;
    this.hop = hop;
    const { attributes } = imported;
    this.localPref = attributes.localPref ?? DEFAULT_LOCAL_PREF;
    this.beatsOwn = this.localPref > (source.peer?.session.importFilter.beatsOwnAbove ?? Number.POSITIVE_INFINITY);
    this.asPathLength = asPathLength(attributes.asPath);
    this.originRank = ORIGIN_RANK[attributes.origin];
    this.med = attributes.med ?? 0;
    this.neighbourAs = neighbourAs(attributes.asPath);
  }

  /** Whether it may be chosen now. */
  get isEligible(): boolean {
    return this.rejection === undefined && (this.hop === undefined || this.hop.cost !== undefined);
  }

  get isExternal(): boolean {
    return this.peer?.session.kind === "external";
  }

  /**
   * What an export filter starts from. A MED that a neighbouring AS has sent goes no further (RFC 4271 section 5.1.4): what an
   * external peer is told is our own word, of our own prefix or set by the filter.
   */
  attributesFor(kind: "internal" | "external"): AttributeSet {
    if (kind === "internal" || !this.peer || this.attributes.med === undefined) return this.attributes;
    if (!this.#withoutMed) {
      const { med: _, ...others } = this.attributes;
      this.#withoutMed = others;
    }
    return this.#withoutMed;
  }

  /** As handed out, one list for all prefixes; our own is none. */
  get routes(): BestChange["routes"] {
    this.#routes ??= this.peer ? [{ attributes: this.attributes, session: this.peer.session.name }] : [];
    return this.#routes;
  }

  /** RFC 4456 section 9: the originator speaks for a reflected route. */
  get routerId(): Ipv4 | undefined {
    return this.attributes.originatorId ?? this.peer?.session.peerRouterId;
  }
}

/** RFC 4271 section 9.1.2.2 b. */
const ORIGIN_RANK = { igp: 0, egp: 1, incomplete: 2 } as const;

/** RFC 4271 section 9.1.2.2 a: a set counts once; RFC 5065 section 5.3: confederation segments do not count. */
function asPathLength(path: readonly AsPathSegment[]): number {
  let length = 0;
  for (const { kind, asns } of path) {
    if (kind === "sequence") length += asns.length;
    else if (kind === "set") length++;
  }
  return length;
}

/** RFC 4271 section 9.1.2.2 c: the AS that the route was received from; a set names none. */
function neighbourAs(path: readonly AsPathSegment[]): Asn {
  const first = path.find(({ kind }) => kind === "sequence" || kind === "set");
  return first?.kind === "sequence" ? (first.asns[0] ?? 0) : 0;
}

/** Of a prefix that we originate; export puts in the next hop. */
export const ownAttributes = (family: Family): AttributeSet => ({
  origin: "igp",
  asPath: [],
  nextHop: family === 4 ? ipv4Of(0) : ipv6Of(0n),
  atomicAggregate: false,
  communities: [],
  extendedCommunities: [],
  largeCommunities: [],
  clusterList: [],
  opaque: [],
});
