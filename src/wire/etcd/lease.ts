/** Messages of etcd v3's `etcdserverpb.Lease`: ids are drawn from 63 bits, times are seconds. */
import { bool, int64, message, nested, octetText, repeated, signedId, string } from "../protobuf.ts";
import { emptyRequest, header } from "./kv.ts";

export const leaseGrantRequest = message({ ttl: [1, int64], id: [2, signedId] });
export const leaseGrantResponse = message({
  header: [1, header],
  id: [2, signedId],
  ttl: [3, int64],
  error: [4, string],
});

export const leaseRevokeRequest = message({ id: [1, signedId] });

export const leaseKeepAliveRequest = message({ id: [1, signedId] });
/** TTL 0: the lease is gone. */
export const leaseKeepAliveResponse = message({ header: [1, header], id: [2, signedId], ttl: [3, int64] });

export const leaseTimeToLiveRequest = message({ id: [1, signedId], keys: [2, bool] });
/** TTL −1: the lease is gone. */
export const leaseTimeToLiveResponse = message({
  header: [1, header],
  id: [2, signedId],
  ttl: [3, int64],
  grantedTtl: [4, int64],
  keys: [5, repeated(octetText)],
});

export const leasesRequest = emptyRequest;
const leaseStatus = message({ id: [1, signedId] });
export const leasesResponse = message({ header: [1, header], leases: [2, repeated(nested(() => leaseStatus))] });
