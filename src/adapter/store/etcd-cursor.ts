/**
 * Cursors of an etcd store: `<cluster id>:<revision>`, and after events also the key prefixes whose watches had not been
 * heard of up to that revision: `<cluster id>:<revision>:<prefix>=<revision>,…`. Watching on from there leaves no gap and
 * repeats nothing, though etcd tells each watch of a stream by itself.
 */
import type { Continuity, Cursor } from "../../port/store.ts";

export interface EtcdCursor {
  /** 64 bits, hexadecimal. */
  readonly cluster: string;
  /** The newest revision that was seen. */
  readonly revision: number;
  readonly behind: ReadonlyMap<string, number>;
}

export const clusterText = (clusterId: bigint): string => clusterId.toString(16);

export function formatCursor({ cluster, revision, behind }: EtcdCursor): Cursor {
  if (behind.size === 0) return `${cluster}:${revision}`;
  return `${cluster}:${revision}:${[...behind].map(([prefix, at]) => `${prefix}=${at}`).join(",")}`;
}

/** undefined for what is no cursor of an etcd store. */
export function parseCursor(cursor: Cursor): EtcdCursor | undefined {
  const match = /^([0-9a-f]+):(\d+)(?::(.+))?$/.exec(cursor);
  if (!match?.[1]) return undefined;
  const behind = new Map<string, number>();
  for (const item of match[3]?.split(",") ?? []) {
    const part = /^(.+)=(\d+)$/.exec(item);
    if (!part?.[1]) return undefined;
    behind.set(part[1], Number(part[2]));
  }
  return { cluster: match[1], revision: Number(match[2]), behind };
}

export function continuityOf(known: Cursor, listed: Cursor): Continuity {
  const [before, now] = [parseCursor(known), parseCursor(listed)];
  if (!before || !now || before.cluster !== now.cluster) return "unknown";
  return now.revision < before.revision ? "rolledBack" : "continues";
}

/** The revision up to which everything is known. */
function completeTo(cursor: Cursor): number {
  const parsed = parseCursor(cursor);
  return parsed ? Math.min(parsed.revision, ...parsed.behind.values()) : 0;
}

export const olderOf = (a: Cursor, b: Cursor): Cursor => (completeTo(a) <= completeTo(b) ? a : b);
