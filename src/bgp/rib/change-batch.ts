/**
 * A run of changes to what an update group has told, as made once for all who are to hear it, and the view that one of them has of
 * it: a peer is not told its own routes, so what is a change for others may be a withdrawal or nothing for it.
 */
import type { IpAddress } from "../../ip/address.ts";
import type { PrefixCode } from "../../ip/prefix-code.ts";
import { type Exported, hiddenFrom } from "./export.ts";
import type { Peer } from "./peer.ts";
import { type Announcement, type Batch, silence } from "./types.ts";

export class ChangeBatch {
  readonly prefixes: PrefixCode[] = [];
  /** What those who hear it have been told until now, by the place of the prefix. */
  readonly before: (Exported | undefined)[] = [];
  readonly #after: (Exported | undefined)[] = [];
  readonly #announcements = new Map<Exported, Announcement & { readonly prefixes: PrefixCode[] }>();
  readonly #withdrawn: PrefixCode[] = [];
  /** Peers for whom it may read otherwise: by themselves and by their addresses. */
  readonly #peers = new Set<Peer>();
  readonly #nextHops = new Set<IpAddress>();
  #shared: Batch | undefined;

  get size(): number {
    return this.prefixes.length;
  }

  /** `before` and `after` differ. */
  add(prefix: PrefixCode, before: Exported | undefined, after: Exported | undefined): void {
    this.prefixes.push(prefix);
    this.before.push(before);
    this.#after.push(after);
    if (before) this.#concerns(before);
    if (!after) {
      this.#withdrawn.push(prefix);
      return;
    }
    const group = this.#announcements.get(after);
    if (group) group.prefixes.push(prefix);
    else {
      this.#announcements.set(after, { attributes: after.attributes, prefixes: [prefix] });
      this.#concerns(after);
    }
  }

  /** What the peer is to be sent of it; the same object for all peers that no route of it came from. */
  viewFor(peer: Peer): Batch {
    this.#shared ??= { ...silence, withdrawn: this.#withdrawn, announced: [...this.#announcements.values()] };
    const whole = this.#shared;
    if (!this.#peers.has(peer) && !this.#nextHops.has(peer.session.peerAddress)) return whole;
    const withdrawn = this.prefixes.filter((_, at) => {
      const before = this.before[at];
      const after = this.#after[at];
      const wasTold = before && !hiddenFrom(before, peer);
      return wasTold && !(after && !hiddenFrom(after, peer));
    });
    const isHidden = Array.from(this.#announcements.keys(), (exported) => hiddenFrom(exported, peer) !== undefined);
    const without = isHidden.flatMap((hidden, place) => (hidden ? [place] : []));
    const announced = whole.announced.filter((_, place) => !isHidden[place]);
    return { ...silence, withdrawn, announced, partOf: { whole, without } };
  }

  #concerns({ peer, attributes }: Exported): void {
    if (peer) this.#peers.add(peer);
    this.#nextHops.add(attributes.nextHop);
  }
}

export const isEmpty = ({ withdrawn, announced }: Batch): boolean => withdrawn.length + announced.length === 0;
