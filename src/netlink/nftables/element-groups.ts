/**
 * Which changes of a set's elements must happen at once, where they do not all fit one transaction: the same key with
 * another value, and in interval sets ranges that overlap, since the kernel refuses one as long as the other is there.
 */
import type { OctetText } from "./data-type.ts";
import { fieldOctets, parseKey } from "./element.ts";
import type { ElementShape, Entry } from "./element-codec.ts";
import type { Steps } from "./steps.ts";

export interface ElementGroup {
  readonly deletions: readonly Entry[];
  readonly additions: readonly Entry[];
}

/** Entries between two pauses. */
const PAUSE_ENTRIES = 256;
const NONE: readonly Entry[] = [];

export function* groupsOf(
  shape: ElementShape,
  deletions: readonly Entry[],
  additions: readonly Entry[],
): Steps<Iterable<ElementGroup>> {
  if (deletions.length === 0) return additions.map((entry) => ({ deletions: NONE, additions: [entry] }));
  if (additions.length === 0) return deletions.map((entry) => ({ deletions: [entry], additions: NONE }));
  return yield* shape.interval ? byOverlap(shape, deletions, additions) : byKey(deletions, additions);
}

function* byKey(deletions: readonly Entry[], additions: readonly Entry[]): Steps<Iterable<ElementGroup>> {
  const groups = new Map<string, ElementGroup>();
  let seen = 0;
  for (const entry of deletions) {
    if (++seen % PAUSE_ENTRIES === 0) yield;
    groups.set(entry[0], { deletions: [entry], additions: NONE });
  }
  for (const entry of additions) {
    if (++seen % PAUSE_ENTRIES === 0) yield;
    groups.set(entry[0], { deletions: groups.get(entry[0])?.deletions ?? NONE, additions: [entry] });
  }
  return groups.values();
}

interface Span {
  readonly entry: Entry;
  readonly isDeletion: boolean;
  /** Both ends of the first field. */
  readonly low: OctetText;
  readonly high: OctetText;
}

function* byOverlap(
  shape: ElementShape,
  deletions: readonly Entry[],
  additions: readonly Entry[],
): Steps<Iterable<ElementGroup>> {
  const spans: Span[] = [];
  for (const entry of deletions) {
    if (spans.length % PAUSE_ENTRIES === PAUSE_ENTRIES - 1) yield;
    spans.push({ entry, isDeletion: true, ...endsOf(shape, entry) });
  }
  for (const entry of additions) {
    if (spans.length % PAUSE_ENTRIES === PAUSE_ENTRIES - 1) yield;
    spans.push({ entry, isDeletion: false, ...endsOf(shape, entry) });
  }
  const groups: { deletions: Entry[]; additions: Entry[] }[] = [];
  let group: { deletions: Entry[]; additions: Entry[] } | undefined;
  let end = "";
  let seen = 0;
  for (const { entry, isDeletion, low, high } of yield* sorted(spans)) {
    if (++seen % PAUSE_ENTRIES === 0) yield;
    if (!group || low > end) {
      group = { deletions: [], additions: [] };
      groups.push(group);
      end = high;
    } else if (high > end) end = high;
    (isDeletion ? group.deletions : group.additions).push(entry);
  }
  return groups;
}

function endsOf(shape: ElementShape, [key]: Entry): { readonly low: OctetText; readonly high: OctetText } {
  const { low, high = low } = parseKey(shape.key, true, key, `set ${shape.name}`);
  const [first, ...more] = shape.key;
  if (first === undefined || more.length === 0) return { low, high };
  return { low: low.slice(0, fieldOctets(first)), high: high.slice(0, fieldOctets(first)) };
}

/** By the low end. A merge sort that pauses. */
function* sorted(spans: readonly Span[]): Steps<readonly Span[]> {
  let runs: (readonly Span[])[] = [];
  for (let from = 0; from < spans.length; from += PAUSE_ENTRIES) {
    runs.push(spans.slice(from, from + PAUSE_ENTRIES).toSorted((a, b) => (a.low < b.low ? -1 : a.low > b.low ? 1 : 0)));
    yield;
  }
  while (runs.length > 1) {
    const merged: (readonly Span[])[] = [];
    for (let at = 0; at < runs.length; at += 2) {
      merged.push(yield* mergedRuns(runs[at] as readonly Span[], runs[at + 1] ?? []));
    }
    runs = merged;
  }
  return runs[0] ?? [];
}

function* mergedRuns(left: readonly Span[], right: readonly Span[]): Steps<readonly Span[]> {
  const result: Span[] = [];
  for (let l = 0, r = 0; l < left.length || r < right.length; ) {
    if (result.length % PAUSE_ENTRIES === PAUSE_ENTRIES - 1) yield;
    const [a, b] = [left[l], right[r]];
    if (a && (!b || a.low <= b.low)) {
      result.push(a);
      l++;
    } else if (b) {
      result.push(b);
      r++;
    }
  }
  return result;
}
