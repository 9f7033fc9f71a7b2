/** Who is told what: sessions by name, each a member of the update group of those that share its policy. */
import type { Family } from "../../ip/address.ts";
import type { Filter } from "../filter/types.ts";
import type { ExportPolicy } from "./export.ts";
import { Member } from "./member.ts";
import type { Path } from "./path.ts";
import type { Peer } from "./peer.ts";
import type { Batch, RibSession } from "./types.ts";
import { type GroupContext, UpdateGroup } from "./update-group.ts";

interface Place {
  readonly member: Member;
  readonly key: string;
  readonly group: UpdateGroup;
}

export class AdjRibOut {
  readonly #context: GroupContext;
  readonly #groups = new Map<string, UpdateGroup>();
  /** Without members, and with ids to let go. */
  readonly #closed = new Set<UpdateGroup>();
  readonly #places = new Map<string, Place>();
  readonly #filterKeys = new WeakMap<Filter, string>();

  constructor(context: GroupContext) {
    this.#context = context;
  }

  get groupCount(): number {
    return this.#groups.size;
  }

  get hasWork(): boolean {
    if (this.#closed.size > 0) return true;
    for (const group of this.#groups.values()) if (group.hasWork) return true;
    return false;
  }

  groupOf(session: string): UpdateGroup | undefined {
    return this.#places.get(session)?.group;
  }

  /** The best path of the prefix is another one now. */
  touch(id: number, best: Path | undefined): void {
    for (const group of this.#groups.values()) group.touch(id, best);
  }

  /** The peer is up and was told nothing yet. */
  up(peer: Peer): void {
    this.down(peer.session.name);
    const key = this.#keyOf(peer.session);
    const group = this.#groups.get(key) ?? this.#open(key, peer.session);
    const member = new Member(peer);
    group.join(member);
    this.#places.set(peer.session.name, { member, key, group });
  }

  down(session: string): void {
    const place = this.#places.get(session);
    if (!place) return;
    this.#places.delete(session);
    place.group.leave(place.member);
    this.#closeIfEmpty(place);
  }

  /** Its policy may have changed: it hears what is different under the one of now. */
  configure(session: RibSession): void {
    const place = this.#places.get(session.name);
    const key = this.#keyOf(session);
    if (!place || place.key === key) return;
    const group = this.#groups.get(key) ?? this.#open(key, session, place.group);
    group.adopt(place.member, place.group);
    this.#places.set(session.name, { member: place.member, key, group });
    this.#closeIfEmpty(place);
  }

  refresh(session: string, family: Family): void {
    const place = this.#places.get(session);
    place?.group.refresh(place.member, family);
  }

  /** Works out `limit` prefixes at most for all groups together. */
  work(limit: number): void {
    for (const group of this.#closed) if (group.drain(limit)) this.#closed.delete(group);
    let left = limit;
    for (const group of this.#groups.values()) if (left > 0) left -= group.work(left);
  }

  next(session: string, limit: number, isDecided: boolean): Batch | undefined {
    const place = this.#places.get(session);
    return place?.group.next(place.member, limit, isDecided);
  }

  #open(key: string, policy: ExportPolicy, origin?: UpdateGroup): UpdateGroup {
    const group = new UpdateGroup(policy, this.#context, origin);
    this.#groups.set(key, group);
    return group;
  }

  #closeIfEmpty({ key, group }: Place): void {
    if (group.size > 0) return;
    group.close();
    this.#closed.add(group);
    this.#groups.delete(key);
  }

  #keyOf({ exportFilter, ...session }: RibSession): string {
    let filter = this.#filterKeys.get(exportFilter);
    if (filter === undefined) {
      filter = JSON.stringify(exportFilter, (_, value: unknown) => (typeof value === "bigint" ? `${value}n` : value));
      this.#filterKeys.set(exportFilter, filter);
    }
    const { kind, families, isReflectorClient, nextHop, ownNextHops } = session;
    const own = kind === "internal" ? session.clusterId : session.localAs;
    const hops = [ownNextHops[4], ownNextHops[6], ownNextHops.linkLocal];
    return [kind, own, families, isReflectorClient, nextHop, ...hops, filter].join(" ");
  }
}
