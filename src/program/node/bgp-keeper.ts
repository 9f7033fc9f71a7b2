/**
 * Keeps on this node's disk what its BGP speaker is made of, beside the last applied state and in its ways: written soon after
 * a change, and only what the store has vouched for.
 */
import { UnreadableLinesError } from "../../base/whole-lines.ts";
import type { BgpPieces } from "../../compile/bgp/pieces.ts";
import type { CompileKey } from "../../compile/keys.ts";
import { PacedFile } from "../../dataplane/paced-file.ts";
import type { Clock, Timer } from "../../port/clock.ts";
import type { Log } from "../../port/log.ts";
import type { StateFile } from "../../port/state-file.ts";
import { decodeKeptPieces, encodeKeptPieces } from "../../rib/kept-pieces.ts";

export interface BgpKeeperDeps {
  readonly node: string;
  readonly stateFile: StateFile;
  readonly clock: Clock;
  readonly log: Log;
}

export class BgpKeeper {
  readonly #deps: BgpKeeperDeps;
  readonly #file: PacedFile;
  /** What is to be written, asked when it is. */
  #due: Iterable<readonly [CompileKey, BgpPieces]> | undefined;
  #timer: Timer | undefined;
  #writing: Promise<void> | undefined;
  #isClosed = false;

  constructor(deps: BgpKeeperDeps) {
    this.#deps = deps;
    this.#file = new PacedFile({ ...deps, what: "what the BGP speaker is made of" });
  }

  /** What the last run left; undefined: nothing, or nothing that can be used, which is said. */
  read(): ReadonlyMap<CompileKey, BgpPieces> | undefined {
    const { stateFile, log, node } = this.#deps;
    const text = stateFile.read();
    if (text === undefined) return undefined;
    try {
      const kept = decodeKeptPieces(text, stateFile.path);
      if (kept.node === node) return kept.pieces;
      log.warn("what a BGP speaker was made of is another node's and is ignored", {
        file: stateFile.path,
        node: kept.node,
      });
    } catch (failure) {
      if (!(failure instanceof UnreadableLinesError)) throw failure;
      log.warn("what the BGP speaker was made of cannot be used", {}, failure);
    }
    return undefined;
  }

  /** Writes them soon, as they are then. */
  keepSoon(pieces: Iterable<readonly [CompileKey, BgpPieces]>): void {
    this.#due = pieces;
    this.#schedule();
  }

  #schedule(): void {
    if (!this.#due || this.#writing || this.#timer || this.#isClosed) return;
    this.#timer = this.#deps.clock.after(this.#file.waitMs, () => {
      this.#timer = undefined;
      this.#writing = this.#write().finally(() => {
        this.#writing = undefined;
        this.#schedule();
      });
    });
  }

  async #write(): Promise<void> {
    const due = this.#due;
    if (!due) return;
    this.#due = undefined;
    if (!(await this.#file.replace(encodeKeptPieces(this.#deps.node, due)))) this.#due ??= due;
  }

  /** Ends; what is due is written first. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#writing;
    await this.#write();
  }
}
