/**
 * Keeps what was last applied on this node's disk, and wants it beside whatever is compiled until the store has vouched
 * for what is there: wanted by nobody but the past, it loses against everything that is compiled.
 */
import { order } from "../compile/items.ts";
import { formatPrefix, type Prefix, parsePrefix } from "../ip/prefix.ts";
import type { Clock, Timer } from "../port/clock.ts";
import type { Log } from "../port/log.ts";
import type { StateFile } from "../port/state-file.ts";
import type { Cursor } from "../port/store.ts";
import type { Dataplane } from "./dataplane.ts";
import { decodeLastApplied, encodeLastApplied, type LastApplied, LastAppliedError } from "./last-applied.ts";

/** Changes come in bursts; a file of thousands of items is written for a burst, not for each. */
const KEEP_DELAY_MS = 1_000;
const SOURCE = "last applied";
const PREFERENCE = 1_000;

export interface KeeperDeps {
  readonly node: string;
  readonly stateFile: StateFile;
  readonly clock: Clock;
  readonly log: Log;
}

/** What is kept: the state that the store has vouched for, and where it stood. */
export interface Kept {
  readonly dataplane: Pick<Dataplane, "desired">;
  readonly cursor: Cursor;
  readonly pools: readonly Prefix[];
}

export class Keeper {
  readonly #deps: KeeperDeps;
  readonly #last: LastApplied | undefined;
  #timer: Timer | undefined;
  /** One at a time. */
  #writing: Promise<void> | undefined;
  /** What is written next. */
  #due: (() => Kept) | undefined;

  /** Reads the file; one that cannot be used is ignored with a word. */
  constructor(deps: KeeperDeps) {
    this.#deps = deps;
    this.#last = this.#read();
  }

  get path(): string {
    return this.#deps.stateFile.path;
  }

  /** Where the list stood that the last run worked from; undefined when nothing is known of a last run. */
  get cursor(): Cursor | undefined {
    return this.#last?.cursor;
  }

  /** CIDRs of the pools of the last run. */
  get pools(): readonly Prefix[] {
    return (this.#last?.pools ?? []).map(parsePrefix);
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
      if (!(failure instanceof LastAppliedError)) throw failure;
      log.warn("the last applied state cannot be used", {}, failure);
    }
    return undefined;
  }

  /** Wants what was last applied. */
  offer(dataplane: Dataplane): void {
    for (const kind of order) {
      const wanted = (this.#last?.items ?? []).flatMap(({ kind: its, key, value }) =>
        its === kind ? [{ key, value, preference: PREFERENCE }] : [],
      );
      dataplane.offer(kind, SOURCE, wanted);
    }
  }

  /** Wants nothing any more: what is compiled is proven to be all. */
  withdraw(dataplane: Dataplane): void {
    for (const kind of order) dataplane.offer(kind, SOURCE, []);
  }

  /** Writes what is applied, soon, and after a write that is under way. `content` is asked when it is written. */
  keepSoon(content: () => Kept): void {
    this.#due = content;
    this.#schedule();
  }

  #schedule(): void {
    if (!this.#due || this.#writing) return;
    this.#timer ??= this.#deps.clock.after(KEEP_DELAY_MS, () => {
      this.#timer = undefined;
      const content = this.#due?.();
      this.#due = undefined;
      if (!content) return;
      this.#writing = this.#keep(content).finally(() => {
        this.#writing = undefined;
        this.#schedule();
      });
    });
  }

  async #keep({ dataplane, cursor, ...content }: Kept): Promise<void> {
    const { stateFile, log, node } = this.#deps;
    try {
      const pools = content.pools.map(formatPrefix);
      await stateFile.replace(encodeLastApplied(dataplane, { node, cursor, pools }));
    } catch (failure) {
      log.error("the last applied state cannot be written", { file: stateFile.path }, failure);
    }
  }

  /** Ends. With `content`, that is written first. */
  async close(content?: Kept): Promise<void> {
    this.#timer?.cancel();
    this.#due = undefined;
    await this.#writing;
    if (content) await this.#keep(content);
  }
}
