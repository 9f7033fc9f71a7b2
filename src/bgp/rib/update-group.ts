/**
 * Sessions that are told the same: one Adj-RIB-Out, computed once. `#told` is what its members have been told when they have taken
 * everything; a change is worked out once and handed to all. Members behind are the business of `CatchUp`.
 *
 *     changed prefixes ─▶ work ─▶ #told ─┬─▶ queue of each member that is up to date ─▶ next
 *                                        └─▶ pending of each CatchUp ─▶ take ─▶ queues of its members
 */
import type { Family } from "../../ip/address.ts";
import { CatchUp } from "./catch-up.ts";
import { ChangeBatch, isEmpty } from "./change-batch.ts";
import type { Exported, ExportPolicy } from "./export.ts";
import { Exporter } from "./exporter.ts";
import { IdQueue } from "./id-queue.ts";
import { IdSet } from "./id-set.ts";
import { IdTable } from "./id-table.ts";
import type { LocRib } from "./loc-rib.ts";
import type { Member } from "./member.ts";
import type { Path } from "./path.ts";
import type { Peer } from "./peer.ts";
import type { PrefixTable } from "./prefix-table.ts";
import type { Batch, Interner } from "./types.ts";

export interface GroupContext {
  readonly table: PrefixTable;
  readonly locRib: LocRib;
  readonly attributes: Interner;
  /** Batches that a member may have waiting before it goes its own way. */
  readonly queueBatches: number;
}

/** Members behind for each of whom noting a change costs together as much as working it out. */
const BEHIND = 4;
/** No more is worked out while every member has so many batches waiting. */
const AHEAD = 4;

export class UpdateGroup {
  readonly exporter: Exporter;
  readonly #context: GroupContext;
  readonly #members = new Set<Member>();
  #told = new IdTable<Exported>();
  readonly #toldIds = new IdSet();
  readonly #pending = new IdQueue();
  /** While there is one member alone: its own routes, which nobody is told: worked out when another joins. */
  readonly #unheard = new IdSet();
  #unheardOf: Peer | undefined;
  /** Ids from here to `#scanEnd` have not been looked at since the group was made. */
  #scan = 0;
  readonly #scanEnd: number;
  readonly #catchUps = new Set<CatchUp>();
  /** Times that it has told something. */
  #version = 0;
  /** Whose told routes it began with, until it tells something itself. */
  #origin: { readonly group: UpdateGroup; readonly version: number } | undefined;

  constructor(policy: ExportPolicy, context: GroupContext, origin?: UpdateGroup) {
    this.exporter = new Exporter(policy, context.attributes);
    this.#context = context;
    this.#scanEnd = context.table.bound;
    if (!origin) return;
    this.#origin = { group: origin, version: origin.#version };
    this.#told = origin.#told.copy();
    this.#toldIds.addAll(origin.#toldIds);
    context.table.holdAll(this.#toldIds);
  }

  get size(): number {
    return this.#members.size;
  }

  /** Prefixes that its members are told, save each its own. */
  get toldCount(): number {
    return this.#toldIds.size;
  }

  /** Whether `work` would do something. */
  get hasWork(): boolean {
    return !this.#isIdle && this.#isWanted;
  }

  get #isIdle(): boolean {
    return !this.#hasListeners && this.#pending.size === 0 && this.#scan >= this.#scanEnd;
  }

  /** Whether somebody is to be told what nobody heard. */
  get #hasListeners(): boolean {
    return this.#unheard.size > 0 && this.#loner !== this.#unheardOf;
  }

  /** The only member. */
  get #loner(): Peer | undefined {
    return this.#members.size === 1 ? this.#members.values().next().value?.peer : undefined;
  }

  get #isWanted(): boolean {
    let isWanted = true;
    for (const { catchUp, queue } of this.#members) {
      if (catchUp) continue;
      if (queue.length < AHEAD) return true;
      isWanted = false;
    }
    return isWanted;
  }

  /** What its members are told of the prefix, where they are up to date. */
  told(id: number): Exported | undefined {
    return this.#told.get(id);
  }

  /** The best path of the prefix is another one now. */
  touch(id: number, best: Path | undefined): void {
    if (!this.#leavesUnheard(id, best)) this.#pending.push(id);
  }

  /** A member that was told nothing yet. */
  join(member: Member): void {
    this.#members.add(member);
    if (this.#toldIds.size === 0) return;
    const known = [...this.#catchUps].find(({ isFresh }) => isFresh);
    const fresh = known ?? CatchUp.fresh(this.#context.table, this.#toldIds);
    this.#catchUps.add(fresh);
    fresh.add(member);
  }

  leave(member: Member): void {
    this.#members.delete(member);
    this.#part(member);
  }

  /** A member of another group whose policy is this one's now: it hears what is different. */
  adopt(member: Member, from: UpdateGroup): void {
    from.#members.delete(member);
    this.#members.add(member);
    if (!member.catchUp && this.#isCopyOf(from)) return;
    const apart = this.#differenceTo(member, from);
    from.#part(member);
    this.#catchUps.add(apart);
    apart.add(member);
  }

  /** What a member of the other group was told otherwise than the members of this one. */
  #differenceTo({ catchUp: before }: Member, from: UpdateGroup): CatchUp {
    const apart = new CatchUp(this.#context.table);
    before?.catchUpWithMissed();
    const toldTo = (id: number): Exported | undefined =>
      before ? before.told(id, from.#told.get(id)) : from.#told.get(id);
    const compare = (id: number): void => {
      const told = toldTo(id);
      if (!isSame(told, this.#told.get(id))) apart.changed(id, told);
    };
    from.#toldIds.each(compare);
    this.#toldIds.without(from.#toldIds).each(compare);
    for (const id of before?.differing() ?? []) compare(id);
    if (before) apart.tellAgain(before.pending);
    return apart;
  }

  /** It wants to hear everything of the family again (RFC 2918). */
  refresh(member: Member, family: Family): void {
    if (!member.asks(family)) return;
    const apart = this.#detach(member);
    apart.tellAgain(this.#context.table.ofFamily(this.#toldIds, family));
  }

  /** Works out what `limit` prefixes are told as now, fewer where many members are behind; how much of the limit it took. */
  work(limit: number): number {
    if (!this.#isWanted) return 0;
    const { table, locRib } = this.#context;
    const batch = new ChangeBatch();
    let spent = 0;
    while (spent < limit) {
      const id = this.#shift();
      if (id < 0) break;
      spent++;
      const path = locRib.best(id);
      const before = this.#told.get(id);
      if (this.#leavesUnheard(id, path)) continue;
      const prefix = table.prefixOf(id);
      const after = path && this.exporter.exported(path, prefix);
      if (isSame(before, after)) continue;
      batch.add(prefix, before, after);
      for (const catchUp of this.#catchUps) catchUp.changed(id, before);
      spent += this.#catchUps.size / BEHIND;
      this.#tell(id, after);
    }
    if (batch.size > 0) this.#publish(batch);
    return spent;
  }

  /** What the member shall be sent next, of a catch-up `limit` prefixes at most; undefined: nothing for now. */
  next(member: Member, limit: number, isDecided: boolean): Batch | undefined {
    const begun = member.takeBegun();
    if (begun) return begun;
    for (;;) {
      const queued = member.queue.shift();
      if (queued) {
        const batch = queued.viewFor(member.peer);
        if (!isEmpty(batch)) return batch;
      } else if (member.catchUp) this.#advance(member.catchUp, limit);
      else return isDecided && this.#isIdle ? this.#marks(member) : undefined;
    }
  }

  #marks(member: Member): Batch | undefined {
    const marks = member.takeMarks();
    for (const family of marks ? member.takeAsked() : []) this.refresh(member, family);
    return marks;
  }

  /** Nobody is a member any more. What it holds is let go by `drain`. */
  close(): void {
    this.exporter.isClosed = true;
    this.#origin = undefined;
    this.#told = new IdTable();
  }

  /** Of a group that is closed: lets go `limit` ids; whether that were all. */
  drain(limit: number): boolean {
    for (let done = 0; done < limit && this.#toldIds.size > 0; done++)
      this.#context.table.release(this.#toldIds.shift());
    return this.#toldIds.size === 0;
  }

  #isCopyOf(group: UpdateGroup): boolean {
    return this.#origin?.group === group && this.#origin.version === group.#version;
  }

  /** The next prefix to be looked at; −1: none. */
  #shift(): number {
    if (this.#scan < this.#scanEnd) return this.#scan++;
    const id = this.#pending.shift();
    return id < 0 && this.#hasListeners ? this.#unheard.shift() : id;
  }

  /** Whether there is nothing to tell of what was never told: no route, or one that is the only member's own, which is noted. */
  #leavesUnheard(id: number, path: Path | undefined): boolean {
    if (this.#told.get(id)) return false;
    if (!path?.peer) return path === undefined;
    if (this.#loner !== path.peer || this.#hasListeners) return false;
    this.#unheard.add(id);
    this.#unheardOf = path.peer;
    return true;
  }

  #tell(id: number, exported: Exported | undefined): void {
    this.#told.set(id, exported);
    if (exported) {
      if (this.#toldIds.add(id)) this.#context.table.holdId(id);
    } else if (this.#toldIds.delete(id)) this.#context.table.release(id);
  }

  #publish(batch: ChangeBatch): void {
    this.#version++;
    this.#origin = undefined;
    this.#hand(
      [...this.#members].filter(({ catchUp }) => !catchUp),
      batch,
    );
  }

  /** Those that are too slow go their own way, together where they are equally far. */
  #hand(members: readonly Member[], batch: ChangeBatch): void {
    const late: { readonly queue: readonly ChangeBatch[]; readonly apart: CatchUp }[] = [];
    for (const member of members) {
      const { queue } = member;
      queue.push(batch);
      if (queue.length <= this.#context.queueBatches) continue;
      const known = late.find((other) => isSameQueue(other.queue, queue));
      if (!known) late.push({ queue, apart: this.#detach(member) });
      else {
        member.queue = [];
        this.#part(member);
        known.apart.add(member);
      }
    }
  }

  #advance(catchUp: CatchUp, limit: number): void {
    const batch = catchUp.take(limit, (id) => this.#told.get(id));
    if (batch) this.#hand([...catchUp.members], batch);
    else for (const member of [...catchUp.members]) this.#part(member);
  }

  /** It goes its own way from what it has taken: what waits for it is forgotten, and told as it is by then. */
  #detach(member: Member): CatchUp {
    const { catchUp: before, queue } = member;
    const isAlone = before?.members.size === 1;
    const apart = isAlone ? before : (before?.copy() ?? new CatchUp(this.#context.table));
    apart.miss(queue);
    member.queue = [];
    if (isAlone) return apart;
    this.#part(member);
    this.#catchUps.add(apart);
    apart.add(member);
    return apart;
  }

  #part(member: Member): void {
    const { catchUp } = member;
    if (!catchUp) return;
    member.catchUp = undefined;
    catchUp.members.delete(member);
    if (catchUp.members.size > 0) return;
    this.#catchUps.delete(catchUp);
    catchUp.close();
  }
}

/** Whether a member would hear nothing new. */
const isSame = (a: Exported | undefined, b: Exported | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && a.attributes === b.attributes && a.peer === b.peer);

const isSameQueue = (a: readonly ChangeBatch[], b: readonly ChangeBatch[]): boolean =>
  a.length === b.length && a.every((batch, at) => batch === b[at]);
