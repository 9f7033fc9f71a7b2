/** Rows of a revision log, for tests. */
import type { LogRow } from "../port/revision-log.ts";

export const logRow = (sequence: number, rest: Partial<LogRow> = {}): LogRow => ({
  sequence,
  revision: sequence + 1,
  key: `/k/${sequence}`,
  createRevision: sequence + 1,
  version: 1,
  lease: 0n,
  value: `value ${sequence} \u0000\u00ff`.repeat(40),
  ...rest,
});

/** For a batch of rows alone. */
export const NO_LEASES = { granted: [], revoked: [] };
