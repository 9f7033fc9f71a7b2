/**
 * Attribute sets by content, so that equal ones are one object and a table of routes holds each once (a million routes
 * have some hundred thousand), and by the octets they came in, so that each block of attributes is decoded once.
 *
 * The table holds its sets weakly: a set lives as long as a route, a message or anything else refers to it, and nobody
 * counts references. What is left of a set that the collector took (a map entry, its octets) is swept away a little with
 * every set that is added, four entries for one, once the table holds twice what the last pass left, and by `sweep` where somebody
 * has time.
 */
import { PartedMap } from "../../base/parted-map.ts";
import { equalAttributes, hashAttributes } from "./attribute-equality.ts";
import type { AttributeSet } from "./types.ts";

/** What else than the octets decides what they mean: a small number, see `update-decoder.ts`. */
export type OctetsKind = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7;

interface Entry {
  readonly set: WeakRef<AttributeSet>;
  readonly hash: number;
  /** Another set of the same hash. */
  next: Entry | undefined;
  /** The octets it came in last: one form for each set, so that a peer cannot fill the table with forms of one. */
  form: { readonly kind: OctetsKind; readonly octets: string } | undefined;
}

const SAMPLES = 12;

/** Of a few octets, from all over the block: neighbouring ones, and those at its ends, are often alike. */
function hashOfForm(octets: string): number {
  let hash = octets.length;
  for (let sample = 0; sample < SAMPLES; sample++) {
    hash = (Math.imul(hash, 31) + octets.charCodeAt(Math.floor((sample * octets.length) / SAMPLES))) | 0;
  }
  return hash ^ (hash >>> 16) ^ (hash >>> 8) ^ (hash >>> 4);
}

const SWEPT_FOR_EACH_ADDED = 4;
/** A table of so few is not swept. */
const FEW = 1024;

export class AttributeTable {
  readonly #byHash = new PartedMap<number, Entry>((hash) => hash);
  readonly #byOctets = Array.from({ length: 8 }, () => new PartedMap<string, Entry>(hashOfForm));
  #sweeper = this.#byHash.values();
  #size = 0;
  /** The next pass begins at this size; one that has begun goes on to its end. */
  #sweptFrom = FEW;
  #isSweeping = false;

  /** Sets in the table, those included that the collector took and no sweep has met. */
  get size(): number {
    return this.#size;
  }

  /** Forms in octets that are remembered, one for each set at most. */
  get forms(): number {
    return this.#byOctets.reduce((sum, forms) => sum + forms.size, 0);
  }

  /** The one object of this content: the given one, which must not be changed from now on, or one that was here before. */
  intern(set: AttributeSet): AttributeSet {
    return this.#enter(set).set;
  }

  /** What these octets decoded to before, one character an octet; undefined when nobody refers to it any more. */
  recall(kind: OctetsKind, octets: string): AttributeSet | undefined {
    return this.#byOctets[kind]?.get(octets)?.set.deref();
  }

  /** Interns, and recalls these octets from now on. */
  remember(kind: OctetsKind, octets: string, set: AttributeSet): AttributeSet {
    const found = this.#enter(set);
    this.#forgetForm(found.entry);
    found.entry.form = { kind, octets };
    this.#byOctets[kind]?.set(octets, found.entry);
    return found.set;
  }

  /** Looks at up to `count` entries and drops those whose sets are gone. Returns how many it dropped. */
  sweep(count: number): number {
    const before = this.#size;
    for (let looked = 0; looked < count; looked++) {
      const { value, done } = this.#sweeper.next();
      if (done) {
        this.#sweeper = this.#byHash.values();
        this.#sweptFrom = Math.max(FEW, 2 * this.#size);
        this.#isSweeping = false;
        break;
      }
      this.#dropDead(value);
    }
    return before - this.#size;
  }

  #enter(set: AttributeSet): { readonly entry: Entry; readonly set: AttributeSet } {
    const hash = hashAttributes(set);
    for (let entry = this.#byHash.get(hash); entry; entry = entry.next) {
      const known = entry.set.deref();
      if (known && (known === set || equalAttributes(known, set))) return { entry, set: known };
    }
    if (this.#size >= this.#sweptFrom) this.#isSweeping = true;
    if (this.#isSweeping) this.sweep(SWEPT_FOR_EACH_ADDED);
    const entry: Entry = { set: new WeakRef(set), hash, next: this.#byHash.get(hash), form: undefined };
    this.#byHash.set(hash, entry);
    this.#size++;
    return { entry, set };
  }

  #dropDead(first: Entry): void {
    let kept: Entry | undefined;
    for (let entry: Entry | undefined = first; entry; ) {
      const { next }: Entry = entry;
      if (entry.set.deref()) {
        entry.next = kept;
        kept = entry;
      } else {
        this.#forgetForm(entry);
        this.#size--;
      }
      entry = next;
    }
    if (kept === undefined) this.#byHash.delete(first.hash);
    else if (kept !== first) this.#byHash.set(first.hash, kept);
  }

  #forgetForm(entry: Entry): void {
    const { form } = entry;
    if (!form) return;
    const forms = this.#byOctets[form.kind];
    if (forms?.get(form.octets) === entry) forms.delete(form.octets);
    entry.form = undefined;
  }
}
