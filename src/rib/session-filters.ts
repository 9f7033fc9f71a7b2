/**
 * The filters of sessions, made once for all that share a policy: the BGPFilters that they name, in order, around what
 * this node exports. A filter in which nothing changed stays the very same object.
 */
import type { Filter, Term } from "../bgp/filter/types.ts";
import type { ExportPolicy } from "../compile/bgp/pieces.ts";
import type { BgpFilter, FilterDirection } from "../compile/bgp/types.ts";
import type { Family } from "../ip/address.ts";

export interface SessionPolicy {
  readonly importFilter: Filter;
  readonly exportFilter: Filter;
  /** BGPFilters that do not exist; they are passed over. */
  readonly missing: readonly string[];
}

type Rules = BgpFilter["terms"];

export class SessionFilters {
  #exportPolicy: ExportPolicy | undefined;
  readonly #rules = new Map<string, Rules>();
  /** By family and names. */
  readonly #policies = new Map<string, SessionPolicy>();
  readonly #made = new Map<string, { readonly inputs: readonly unknown[]; readonly filter: Filter }>();

  setExportPolicy(policy: ExportPolicy | undefined): void {
    this.#exportPolicy = policy;
    this.#policies.clear();
  }

  setRules(name: string, rules: Rules | undefined): void {
    if (rules) this.#rules.set(name, rules);
    else this.#rules.delete(name);
    this.#policies.clear();
  }

  /** The same object until something that it is made of changes. */
  policy(family: Family, names: readonly string[]): SessionPolicy {
    const key = `${family} ${names.join(" ")}`;
    const known = this.#policies.get(key);
    if (known) return known;
    const policy = {
      importFilter: this.#filter("import", family, names),
      exportFilter: this.#filter("export", family, names),
      missing: names.filter((name) => !this.#rules.has(name)),
    };
    this.#policies.set(key, policy);
    return policy;
  }

  #filter(direction: FilterDirection, family: Family, names: readonly string[]): Filter {
    const policy = this.#exportPolicy?.[family];
    const around = direction === "export" ? policy : undefined;
    const beatsOwnAbove = direction === "import" ? policy?.normalLocalPref : undefined;
    const rules = names.map((name) => this.#rules.get(name)?.[direction][family]);
    const inputs = [around, beatsOwnAbove, ...rules];
    const key = `${direction} ${family} ${names.join(" ")}`;
    const known = this.#made.get(key);
    if (known && sameItems(known.inputs, inputs)) return known.filter;
    const by = names.length === 0 ? "" : ` by ${names.map((name) => `BGPFilter(${name})`).join(", ")}`;
    const own: readonly Term[] = rules.flatMap((terms) => terms ?? []);
    const filter: Filter = {
      name: `${direction}${by}`,
      terms: [...(around?.before ?? []), ...own, ...(around?.after ?? [])],
      otherwise: direction === "import" ? "accept" : "reject",
      ...(beatsOwnAbove === undefined ? {} : { beatsOwnAbove }),
    };
    this.#made.set(key, { inputs, filter });
    return filter;
  }
}

const sameItems = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((item, index) => item === b[index]);
