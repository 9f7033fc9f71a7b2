/** Messages of etcd v3's `etcdserverpb.Watch`: many watches on one stream, told apart by their ids. */
import { bool, int64, message, nested, octetText, repeated, string, type ValueOf } from "../protobuf.ts";
import { emptyRequest, event, header } from "./kv.ts";

export const WATCH_FILTER = { noPut: 0, noDelete: 1 } as const;

export const watchCreateRequest = message({
  key: [1, octetText],
  rangeEnd: [2, octetText],
  startRevision: [3, int64],
  progressNotify: [4, bool],
  filters: [5, repeated(int64)],
  prevKv: [6, bool],
  watchId: [7, int64],
  fragment: [8, bool],
});
export type WatchCreateRequest = ValueOf<typeof watchCreateRequest>;

const watchCancelRequest = message({ watchId: [1, int64] });

export const watchRequest = message({
  create: [1, nested(() => watchCreateRequest)],
  cancel: [2, nested(() => watchCancelRequest)],
  progress: [3, nested(() => emptyRequest)],
});
export type WatchRequest = ValueOf<typeof watchRequest>;

/** A watch response up to its events, for those who read or write the events one by one. */
export const watchResponseHead = {
  header: [1, header],
  watchId: [2, int64],
  created: [3, bool],
  canceled: [4, bool],
  compactRevision: [5, int64],
  cancelReason: [6, string],
  fragment: [7, bool],
} as const;
export const WATCH_EVENTS_FIELD = 11;

export const watchResponse = message({
  ...watchResponseHead,
  events: [WATCH_EVENTS_FIELD, repeated(nested(() => event))],
});
export type WatchResponse = ValueOf<typeof watchResponse>;
