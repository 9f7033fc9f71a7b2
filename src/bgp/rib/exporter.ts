/**
 * What one update group tells of each path, worked out once a path where the export filter does not ask for the prefix, and once
 * a path and outcome of the filter where it does.
 */
import type { Family } from "../../ip/address.ts";
import { familyOfCode, type PrefixCode } from "../../ip/prefix-code.ts";
import { asksForPrefix } from "../filter/evaluate.ts";
import type { AttributeSet } from "../message/types.ts";
import {
  type Exported,
  type ExportPolicy,
  type ExportRejection,
  exportPrefix,
  exportRefusal,
  hiddenFrom,
  outgoingAttributes,
} from "./export.ts";
import type { Made, Path } from "./path.ts";
import type { Peer } from "./peer.ts";
import type { Interner } from "./types.ts";
import type { ExportReport } from "./why.ts";

export class Exporter {
  readonly policy: ExportPolicy;
  /** Nobody asks any more: what it has made of paths may be forgotten. */
  isClosed = false;
  readonly #attributes: Interner;
  readonly #asksForPrefix: boolean;

  constructor(policy: ExportPolicy, attributes: Interner) {
    this.policy = policy;
    this.#attributes = attributes;
    this.#asksForPrefix = asksForPrefix(policy.exportFilter);
  }

  /** Undefined: nothing is told of it. */
  exported(path: Path, prefix: PrefixCode): Exported | undefined {
    const family = familyOfCode(prefix);
    if (!this.#asksForPrefix) {
      const made = this.#find(path, family, undefined);
      if (made) return made.exported;
    }
    const filtered = this.#filtered(path, prefix);
    if ("rejection" in filtered) {
      if (!this.#asksForPrefix) this.#keep(path, family, path.attributes, undefined);
      return undefined;
    }
    const known = this.#find(path, family, filtered.attributes);
    return known ? known.exported : this.#make(path, family, filtered.attributes);
  }

  /** What a peer of the group is told of it, or why nothing. */
  report(path: Path, prefix: PrefixCode, peer: Peer): ExportReport {
    const filtered = this.#filtered(path, prefix);
    if ("rejection" in filtered) return { outcome: "rejected", rejection: filtered.rejection };
    const exported = this.exported(path, prefix);
    if (!exported) return { outcome: "rejected", rejection: { rule: "noOwnNextHop", family: familyOfCode(prefix) } };
    const rejection = hiddenFrom(exported, peer);
    return rejection ? { outcome: "rejected", rejection } : { outcome: "told", attributes: exported.attributes };
  }

  #filtered(
    path: Path,
    prefix: PrefixCode,
  ): { readonly attributes: AttributeSet } | { readonly rejection: ExportRejection } {
    const refusal = exportRefusal(path, this.policy);
    if (refusal) return { rejection: refusal };
    const outcome = exportPrefix(path, prefix, this.policy);
    if ("rejection" in outcome || outcome.attributes === path.attributesFor(this.policy.kind)) return outcome;
    return { attributes: this.#attributes.intern(outcome.attributes) };
  }

  #make(path: Path, family: Family, filtered: AttributeSet): Exported | undefined {
    const attributes = outgoingAttributes(path, filtered, family, this.policy);
    const exported = attributes && { peer: path.peer, attributes: this.#attributes.intern(attributes) };
    return this.#keep(path, family, filtered, exported);
  }

  #find(path: Path, family: Family, filtered: AttributeSet | undefined): Made | undefined {
    let made = path.made;
    while (made && (made.by !== this || made.family !== family || (filtered && made.filtered !== filtered)))
      made = made.next;
    return made;
  }

  #keep(path: Path, family: Family, filtered: AttributeSet, exported: Exported | undefined): Exported | undefined {
    let others: Made | undefined;
    for (let made = path.made; made; made = made.next) if (!made.by.isClosed) others = { ...made, next: others };
    path.made = { by: this, family, filtered, exported, next: others };
    return exported;
  }
}
