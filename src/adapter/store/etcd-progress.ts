/** How far each prefix of a watch has been told, and the cursor that says so. Pure. */
import type { Cursor } from "../../port/store.ts";
import { type EtcdCursor, formatCursor } from "./etcd-cursor.ts";

interface Part {
  readonly prefix: string;
  /** Everything up to this revision was told. */
  at: number;
}

export class EtcdProgress {
  readonly #cluster: string;
  readonly #parts: readonly Part[];
  #newest: number;

  constructor(prefixes: readonly string[], from: EtcdCursor) {
    this.#cluster = from.cluster;
    this.#newest = from.revision;
    this.#parts = prefixes.map((prefix) => ({ prefix, at: from.behind.get(prefix) ?? from.revision }));
  }

  /** The newest revision that was heard of. */
  get newest(): number {
    return this.#newest;
  }

  /** By index, as the prefixes were given. */
  get positions(): readonly number[] {
    return this.#parts.map(({ at }) => at);
  }

  /** `reached` is known of each prefix, and is told as far as `revision`. */
  advance(reached: readonly number[], revision: number): void {
    for (const [index, part] of this.#parts.entries()) {
      part.at = Math.max(part.at, Math.min(reached[index] ?? 0, revision));
      this.#newest = Math.max(this.#newest, part.at);
    }
  }

  get cursor(): Cursor {
    const behind = new Map(this.#parts.filter(({ at }) => at < this.#newest).map(({ prefix, at }) => [prefix, at]));
    return formatCursor({ cluster: this.#cluster, revision: this.#newest, behind });
  }
}
