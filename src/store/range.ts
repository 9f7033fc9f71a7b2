/** KV.Range: which items, in which order, how many, and what of them is shown. */
import { type RangeRequest, type ResponseHeader, SORT_ORDER, SORT_TARGET } from "../wire/etcd/kv.ts";
import { encodeInto } from "../wire/protobuf.ts";
import { OctetSink } from "../wire/protobuf-octets.ts";
import { type RangeAnswer, rangeAnswer, type Shown } from "./answers.ts";
import { emptyKey, invalidSortOption } from "./errors.ts";
import type { Item } from "./item.ts";
import { keyRange } from "./key-range.ts";
import type { Lane } from "./lane.ts";
import type { Mvcc } from "./mvcc.ts";

/** Octets of a frame before its message: compressed or not, length. */
const FRAME_HEAD = 5;
/** A longer answer goes out in pieces. */
const PIECE_OCTETS = 128 * 1024;

/** What a range found at one moment: items never change, so it can be looked at in later turns. */
export interface Found {
  readonly request: RangeRequest;
  /** In the order of their keys; a number is the position in the log of an item that is no longer current. */
  readonly items: readonly (Item | number)[];
  readonly count: number;
}

/** Throws what etcd refuses such a request with. */
export function checkRange({ key, sortOrder, sortTarget }: RangeRequest): void {
  if (key === "") throw emptyKey();
  const orders: readonly number[] = Object.values(SORT_ORDER);
  const targets: readonly number[] = Object.values(SORT_TARGET);
  if (!orders.includes(sortOrder) || !targets.includes(sortTarget)) throw invalidSortOption();
}

/** Looks now. Throws `compacted`, `futureRevision`. */
export function findRange(mvcc: Mvcc, request: RangeRequest): Found {
  const range = keyRange(request.key, request.rangeEnd);
  const { revision, countOnly, limit } = request;
  // One more than asked for shows that there is more.
  const wanted = limit <= 0 || needsAll(request) ? 0 : limit + 1;
  if (revision > 0 && revision !== mvcc.head) {
    const all = mvcc.selectAt(range, revision);
    return { request, count: all.length, items: countOnly ? [] : wanted === 0 ? all : all.slice(0, wanted) };
  }
  return { request, count: mvcc.count(range), items: countOnly ? [] : mvcc.select(range, wanted) };
}

/**
 * Whether the limit counts only after something else. As in etcd, another order than that of the keys does so, but the
 * choice of what to sort by does not.
 */
const needsAll = (request: RangeRequest): boolean => request.sortOrder !== SORT_ORDER.none || hasFilters(request);

const needsSorting = ({ sortOrder, sortTarget }: RangeRequest): boolean =>
  sortOrder === SORT_ORDER.descend || sortTarget !== SORT_TARGET.key;

const hasFilters = (request: RangeRequest): boolean =>
  request.minModRevision > 0 ||
  request.maxModRevision > 0 ||
  request.minCreateRevision > 0 ||
  request.maxCreateRevision > 0;

/** The whole answer in one turn, for what is inside a transaction. Throws `compacted`. */
export function answerRange(mvcc: Mvcc, found: Found, header: ResponseHeader): RangeAnswer {
  const { request, count } = found;
  const { items, more } = arrange(
    request,
    found.items.map((item) => load(mvcc, request, item)),
  );
  return { header, count, more, kvs: items.map((item) => show(mvcc, request, item)) };
}

/** The whole answer as a frame, in slices. Rejects with `compacted` when an old value goes while it is being read. */
export async function frameRange(mvcc: Mvcc, lane: Lane, found: Found, header: ResponseHeader): Promise<Uint8Array[]> {
  const { request, count } = found;
  const loaded: Item[] = [];
  await lane.each(found.items, (item) => loaded.push(load(mvcc, request, item)));
  const { items, more } = arrange(request, loaded);
  const pieces: Buffer[] = [];
  let sink = new OctetSink(items.length === 1 ? 1_024 : PIECE_OCTETS / 8);
  sink.reserve(FRAME_HEAD);
  encodeInto(sink, rangeAnswer, { header, more, count });
  // Messages may be written in parts: fields that repeat add up.
  await lane.each(items, (item) => {
    encodeInto(sink, rangeAnswer, { kvs: [show(mvcc, request, item)] });
    if (sink.length < PIECE_OCTETS) return;
    pieces.push(sink.finish());
    sink = new OctetSink(PIECE_OCTETS + PIECE_OCTETS / 8);
  });
  if (sink.length > 0) pieces.push(sink.finish());
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0) - FRAME_HEAD;
  pieces[0]?.writeUInt32BE(length, 1);
  return pieces;
}

/** An item of the log is read as late as its answer; its value is needed early when it is sorted by. */
function load(mvcc: Mvcc, request: RangeRequest, item: Item | number): Item {
  if (typeof item === "number") return mvcc.itemAt(item);
  return request.sortTarget === SORT_TARGET.value ? mvcc.withValue(item) : item;
}

function show(mvcc: Mvcc, { keysOnly }: RangeRequest, item: Item): Shown {
  return keysOnly ? { ...item, value: "" } : mvcc.withValue(item);
}

const sortKeys: Readonly<Record<number, (item: Item) => string | number>> = {
  [SORT_TARGET.key]: (item) => item.key,
  [SORT_TARGET.version]: (item) => item.version,
  [SORT_TARGET.create]: (item) => item.createRevision,
  [SORT_TARGET.mod]: (item) => item.modRevision,
  [SORT_TARGET.value]: (item) => item.value ?? "",
};

/** Filters, sorts and limits what was found. */
function arrange(request: RangeRequest, items: readonly Item[]): { items: readonly Item[]; more: boolean } {
  const kept = hasFilters(request) ? items.filter((item) => passes(request, item)) : items;
  const sorted = needsSorting(request) ? sort(request, kept) : kept;
  const { limit } = request;
  return limit > 0 && sorted.length > limit
    ? { items: sorted.slice(0, limit), more: true }
    : { items: sorted, more: false };
}

function passes(request: RangeRequest, { modRevision, createRevision }: Item): boolean {
  const within = (revision: number, least: number, most: number): boolean =>
    revision >= least && (most <= 0 || revision <= most);
  return (
    within(modRevision, request.minModRevision, request.maxModRevision) &&
    within(createRevision, request.minCreateRevision, request.maxCreateRevision)
  );
}

function sort({ sortOrder, sortTarget }: RangeRequest, items: readonly Item[]): Item[] {
  const keyOf = sortKeys[sortTarget] ?? (() => 0);
  const sign = sortOrder === SORT_ORDER.descend ? -1 : 1;
  return items.toSorted((a, b) => {
    const [x, y] = [keyOf(a), keyOf(b)];
    return x < y ? -sign : x > y ? sign : 0;
  });
}
