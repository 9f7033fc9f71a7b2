/** The gRPC methods of etcd v3 with the types of their messages. */
import type { Message } from "../protobuf.ts";
import {
  compactionRequest,
  deleteRangeRequest,
  deleteRangeResponse,
  emptyRequest,
  headerResponse,
  putRequest,
  putResponse,
  rangeRequest,
  rangeResponse,
  txnRequest,
  txnResponse,
} from "./kv.ts";
import {
  leaseGrantRequest,
  leaseGrantResponse,
  leaseKeepAliveRequest,
  leaseKeepAliveResponse,
  leaseRevokeRequest,
  leasesRequest,
  leasesResponse,
  leaseTimeToLiveRequest,
  leaseTimeToLiveResponse,
} from "./lease.ts";
import {
  alarmRequest,
  alarmResponse,
  authStatusResponse,
  hashKvRequest,
  hashKvResponse,
  hashResponse,
  memberListRequest,
  memberListResponse,
  statusResponse,
} from "./maintenance.ts";
import { watchRequest, watchResponse } from "./watch.ts";

export interface Method<Q extends object, S extends object> {
  /** The `:path` of the call. */
  readonly path: string;
  readonly request: Message<Q>;
  readonly response: Message<S>;
}

const method = <Q extends object, S extends object>(
  service: string,
  name: string,
  request: Message<Q>,
  response: Message<S>,
): Method<Q, S> => ({ path: `/etcdserverpb.${service}/${name}`, request, response });

export const kvMethods = {
  range: method("KV", "Range", rangeRequest, rangeResponse),
  put: method("KV", "Put", putRequest, putResponse),
  deleteRange: method("KV", "DeleteRange", deleteRangeRequest, deleteRangeResponse),
  txn: method("KV", "Txn", txnRequest, txnResponse),
  compact: method("KV", "Compact", compactionRequest, headerResponse),
} as const;

export const watchMethod = method("Watch", "Watch", watchRequest, watchResponse);

export const leaseMethods = {
  grant: method("Lease", "LeaseGrant", leaseGrantRequest, leaseGrantResponse),
  revoke: method("Lease", "LeaseRevoke", leaseRevokeRequest, headerResponse),
  /** A stream in both directions. */
  keepAlive: method("Lease", "LeaseKeepAlive", leaseKeepAliveRequest, leaseKeepAliveResponse),
  timeToLive: method("Lease", "LeaseTimeToLive", leaseTimeToLiveRequest, leaseTimeToLiveResponse),
  leases: method("Lease", "LeaseLeases", leasesRequest, leasesResponse),
} as const;

export const maintenanceMethods = {
  alarm: method("Maintenance", "Alarm", alarmRequest, alarmResponse),
  status: method("Maintenance", "Status", emptyRequest, statusResponse),
  defragment: method("Maintenance", "Defragment", emptyRequest, headerResponse),
  hash: method("Maintenance", "Hash", emptyRequest, hashResponse),
  hashKv: method("Maintenance", "HashKV", hashKvRequest, hashKvResponse),
} as const;

export const memberListMethod = method("Cluster", "MemberList", memberListRequest, memberListResponse);

export const authStatusMethod = method("Auth", "AuthStatus", emptyRequest, authStatusResponse);
