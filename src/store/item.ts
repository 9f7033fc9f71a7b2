/** What keys are and become, in memory and as rows of the log. */
import type { LogRow } from "../port/revision-log.ts";

/** What a key is at a revision. */
export interface Item {
  readonly key: string;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  readonly lease: bigint;
  /** As octet text; undefined: not in memory, ask `Mvcc.withValue`. */
  readonly value: string | undefined;
  readonly sequence: number;
}

export interface WholeItem extends Item {
  readonly value: string;
}

/** One key's change at one revision. */
export interface Change {
  readonly revision: number;
  readonly sequence: number;
  readonly key: string;
  readonly before: Item | undefined;
  /** Undefined: deleted. */
  readonly after: WholeItem | undefined;
}

export const itemOf = ({ key, createRevision, revision, version, lease, value, sequence }: LogRow): Item => ({
  key,
  createRevision,
  modRevision: revision,
  version,
  lease,
  value,
  sequence,
});

export const logRowOf = ({ sequence, revision, key, after }: Change): LogRow => ({
  sequence,
  revision,
  key,
  createRevision: after?.createRevision ?? 0,
  version: after?.version ?? 0,
  lease: after?.lease ?? 0n,
  value: after?.value,
});
