/** The incremental compile: the same `compileKey` over the keys that changes touched, urgent ones first. */
import { compileKey } from "./compile.ts";
import type { Fragment } from "./fragment.ts";
import { type CompileKey, isUrgent, type Touch } from "./keys.ts";
import { type Local, View } from "./view.ts";

/** Is handed what a key contributes now, nothing included. */
type Sink = (key: CompileKey, fragment: Fragment) => void;

export class Compiler {
  readonly view: View;
  readonly #urgent = new Set<CompileKey>();
  readonly #rest = new Set<CompileKey>();

  constructor(local: Local) {
    this.view = new View(local);
    for (const key of this.view.allKeys()) this.touch(key);
  }

  /** Given to the view's setters. */
  readonly touch: Touch = (key) => {
    (isUrgent(key) ? this.#urgent : this.#rest).add(key);
  };

  /** Keys that wait to be compiled. */
  get pending(): number {
    return this.#urgent.size + this.#rest.size;
  }

  get pendingUrgent(): number {
    return this.#urgent.size;
  }

  /** Compiles at most `limit` touched keys, the urgent ones first. */
  flush(limit: number, sink: Sink): void {
    const left = this.#flush(this.#urgent, limit, sink);
    this.#flush(this.#rest, left, sink);
  }

  /** Compiles the urgent keys alone: a node has some hundred at most. */
  flushUrgent(sink: Sink): void {
    this.#flush(this.#urgent, this.#urgent.size, sink);
  }

  /** Gives what is left of the limit. */
  #flush(keys: Set<CompileKey>, limit: number, sink: Sink): number {
    let left = limit;
    for (const key of keys) {
      if (left === 0) break;
      left--;
      keys.delete(key);
      sink(key, compileKey(key, this.view));
    }
    return left;
  }
}
