/** The incremental compile: the same `compileKey` over the keys that changes touched. */
import { compileKey } from "./compile.ts";
import type { Fragment } from "./fragment.ts";
import { type CompileKey, type Local, View } from "./view.ts";

export class Compiler {
  readonly view: View;
  readonly #dirty = new Set<CompileKey>();

  constructor(local: Local) {
    this.view = new View(local);
    for (const key of this.view.allKeys()) this.#dirty.add(key);
  }

  /** Given to the view's setters. */
  readonly touch = (key: CompileKey): void => {
    this.#dirty.add(key);
  };

  /** Keys that wait to be compiled. */
  get pending(): number {
    return this.#dirty.size;
  }

  /** Compiles at most `limit` touched keys and hands out what each contributes now, nothing included. */
  flush(limit: number, sink: (key: CompileKey, fragment: Fragment) => void): void {
    let left = limit;
    for (const key of this.#dirty) {
      if (left-- <= 0) return;
      this.#dirty.delete(key);
      sink(key, compileKey(key, this.view));
    }
  }
}
