/**
 * Keeps what was last applied on this node's disk, and wants it beside whatever is compiled until the store has vouched
 * for what is there: wanted by nobody but the past, it loses against everything that is compiled. What hangs on an object
 * that the store has but nobody can read is held beyond that, and wins: what is compiled without the object proves nothing.
 * Routes that were learned are wanted until peers have had the time to tell theirs again.
 *
 * The file is written when an item or a pool has changed, not when the store has moved. Its cursor may then be older than
 * what the agent has seen, which proves as much: a store that went back to a revision between the two makes the very same
 * items of this node, and one that went back further is found out.
 */
import { UnreadableLinesError } from "../base/whole-lines.ts";
import { type ItemKind, order } from "../compile/items.ts";
import { type CompileKey, isLearned } from "../compile/keys.ts";
import { formatPrefix, type Prefix, parsePrefix } from "../ip/prefix.ts";
import type { Clock, Timer } from "../port/clock.ts";
import type { Log } from "../port/log.ts";
import type { StateFile } from "../port/state-file.ts";
import type { Cursor } from "../port/store.ts";
import type { Dataplane } from "./dataplane.ts";
import { decodeLastApplied, encodeLastApplied, type KeptItem, type LastApplied } from "./last-applied.ts";
import { PacedFile } from "./paced-file.ts";

const SOURCE = "last applied";
const LEARNED_SOURCE = "last learned";
const PREFERENCE = 1_000;
const HELD_PREFERENCE = -1;

export interface KeeperDeps {
  readonly node: string;
  readonly stateFile: StateFile;
  readonly clock: Clock;
  readonly log: Log;
}

/** What is kept: the state that the store has vouched for, and where it stood. */
export interface Kept {
  readonly dataplane: Pick<Dataplane, "desired" | "changes">;
  readonly cursor: Cursor;
  readonly pools: readonly Prefix[];
}

/** What tells whether a file is out of date. */
interface Written {
  /** How often the store had been listed. */
  readonly listings: number;
  readonly changes: number;
  readonly pools: string;
  readonly cursor: Cursor;
}

export class Keeper {
  readonly #deps: KeeperDeps;
  readonly #file: PacedFile;
  readonly #last: LastApplied | undefined;
  /** What is wanted still; undefined until the store has vouched. */
  #held: readonly KeptItem[] | undefined;
  /** Items that were learned, with the source that each had, until they are let go. */
  #learned: ReadonlyMap<string, string> = new Map();
  /** CIDRs of the pools of the last run. */
  readonly pools: readonly Prefix[];
  #written: Written | undefined;
  #listings = 0;
  #timer: Timer | undefined;
  /** One at a time. */
  #writing: Promise<void> | undefined;
  /** What is written next. */
  #due: (() => Kept) | undefined;

  /** Reads the file; one that cannot be used is ignored with a word. */
  constructor(deps: KeeperDeps) {
    this.#deps = deps;
    const { stateFile, clock, log } = deps;
    this.#file = new PacedFile({ stateFile, clock, log, what: "the last applied state" });
    this.#last = this.#read();
    this.pools = (this.#last?.pools ?? []).map(parsePrefix);
  }

  get path(): string {
    return this.#deps.stateFile.path;
  }

  /** Where the list stood that the last run worked from; undefined when nothing is known of a last run. */
  get cursor(): Cursor | undefined {
    return this.#last?.cursor;
  }

  #read(): LastApplied | undefined {
    const { stateFile, log, node } = this.#deps;
    const text = stateFile.read();
    if (text === undefined) return undefined;
    try {
      const last = decodeLastApplied(text, stateFile.path);
      if (last.node === node) return last;
      log.warn("the last applied state is another node's and is ignored", { file: stateFile.path, node: last.node });
    } catch (failure) {
      if (!(failure instanceof UnreadableLinesError)) throw failure;
      log.warn("the last applied state cannot be used", {}, failure);
    }
    return undefined;
  }

  /** Wants what was last applied. */
  offer(dataplane: Dataplane): void {
    const items = this.#last?.items ?? [];
    const learned = items.filter(({ source }) => isLearned(source));
    const compiled = items.filter(({ source }) => !isLearned(source));
    offerAll(dataplane, SOURCE, compiled, PREFERENCE);
    offerAll(dataplane, LEARNED_SOURCE, learned, PREFERENCE);
    this.#learned = new Map(learned.map(({ kind, key, source }) => [`${kind} ${key}`, source]));
  }

  /** Whether routes that an earlier run learned are wanted still. */
  get hasLearned(): boolean {
    return this.#learned.size > 0;
  }

  /** What was learned before is wanted no more: whatever is to be learned has been. */
  letGoLearned(dataplane: Dataplane): void {
    if (this.#learned.size === 0) return;
    offerAll(dataplane, LEARNED_SOURCE, [], PREFERENCE);
    this.#learned = new Map();
  }

  /**
   * From now on wants nothing but what these compile keys made: of everything else what is compiled is proven to be all.
   * What was let go once is not wanted again.
   */
  hold(dataplane: Dataplane, compileKeys: ReadonlySet<CompileKey>): void {
    const before = this.#held;
    this.#held = (before ?? this.#last?.items ?? []).filter(({ source }) => compileKeys.has(source));
    if (this.#held.length === before?.length) return;
    offerAll(dataplane, SOURCE, this.#held, HELD_PREFERENCE);
  }

  /** Whether the past still wants something after the store has vouched. */
  get isHolding(): boolean {
    return this.#held !== undefined && this.#held.length > 0;
  }

  /**
   * Writes what is applied, soon, where it is not what was written last. One write at a time: what is due meanwhile is
   * written afterwards. `content` is asked when it is written.
   */
  keepSoon(content: () => Kept): void {
    this.#due = content;
    this.#schedule();
  }

  /** The store was listed anew: the next write comes even where no item has changed. It may be another store by now. */
  renew(): void {
    this.#listings++;
  }

  #schedule(): void {
    if (!this.#due || this.#writing || this.#timer || this.#isWritten(this.#due())) return;
    this.#timer = this.#deps.clock.after(this.#file.waitMs, () => {
      this.#timer = undefined;
      if (!this.#due) return;
      this.#writing = this.#keep(this.#due()).finally(() => {
        this.#writing = undefined;
        this.#schedule();
      });
    });
  }

  #isWritten(content: Kept): boolean {
    const { listings, changes, pools } = this.#mark(content);
    const written = this.#written;
    return written?.listings === listings && written.changes === changes && written.pools === pools;
  }

  #mark(content: Kept): Written {
    const { dataplane, cursor } = content;
    return { listings: this.#listings, changes: dataplane.changes, pools: this.#poolsOf(content).join(), cursor };
  }

  /** What is held may lie in a pool that cannot be read. */
  #poolsOf({ pools }: Kept): readonly string[] {
    const isWanting = this.isHolding || this.#learned.size > 0;
    return [...new Set([...pools, ...(isWanting ? this.pools : [])].map(formatPrefix))];
  }

  async #keep(content: Kept): Promise<void> {
    const { dataplane, cursor } = content;
    // Taken now: what changes while the file is written makes the next one due.
    const written = this.#mark(content);
    const header = { node: this.#deps.node, cursor, pools: this.#poolsOf(content) };
    const sources = new Map(this.#held?.map(({ kind, key, source }) => [`${kind} ${key}`, source]));
    const madeBy = (kind: ItemKind, key: string, source: string): string => {
      const before = source === SOURCE ? sources : source === LEARNED_SOURCE ? this.#learned : undefined;
      return before?.get(`${kind} ${key}`) ?? source;
    };
    if (await this.#file.replace(encodeLastApplied(dataplane, header, madeBy))) this.#written = written;
  }

  /** Ends. With `content`, that is written first, with its cursor. */
  async close(content?: Kept): Promise<void> {
    this.#timer?.cancel();
    this.#due = undefined;
    await this.#writing;
    if (content && !(this.#isWritten(content) && this.#written?.cursor === content.cursor)) await this.#keep(content);
  }
}

function offerAll(dataplane: Dataplane, source: string, items: readonly KeptItem[], preference: number): void {
  for (const kind of order) {
    const wanted = items.flatMap(({ kind: its, key, value }) => (its === kind ? [{ key, value, preference }] : []));
    dataplane.offer(kind, source, wanted);
  }
}
