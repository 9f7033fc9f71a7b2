/** etcd's own errors, status and text (etcd's api/v3rpc/rpctypes/error.go): clients compare the text. */
import { RpcError } from "../port/rpc.ts";

export const emptyKey = () => new RpcError("invalidArgument", "etcdserver: key is not provided");
export const keyNotFound = () => new RpcError("invalidArgument", "etcdserver: key not found");
export const valueProvided = () => new RpcError("invalidArgument", "etcdserver: value is provided");
export const leaseProvided = () => new RpcError("invalidArgument", "etcdserver: lease is provided");
export const tooManyOps = () => new RpcError("invalidArgument", "etcdserver: too many operations in txn request");
export const duplicateKey = () => new RpcError("invalidArgument", "etcdserver: duplicate key given in txn request");
export const invalidSortOption = () => new RpcError("invalidArgument", "etcdserver: invalid sort option");
export const requestTooLarge = () => new RpcError("invalidArgument", "etcdserver: request is too large");
export const compacted = () => new RpcError("outOfRange", "etcdserver: mvcc: required revision has been compacted");
export const futureRevision = () =>
  new RpcError("outOfRange", "etcdserver: mvcc: required revision is a future revision");
export const noSpace = (options?: ErrorOptions) =>
  new RpcError("resourceExhausted", "etcdserver: mvcc: database space exceeded", options);
export const leaseNotFound = () => new RpcError("notFound", "etcdserver: requested lease not found");
export const leaseExists = () => new RpcError("failedPrecondition", "etcdserver: lease already exists");
export const leaseTtlTooLarge = () => new RpcError("outOfRange", "etcdserver: too large lease TTL");
export const authNotEnabled = () => new RpcError("failedPrecondition", "etcdserver: authentication is not enabled");
export const stopped = () => new RpcError("unavailable", "etcdserver: server stopped");
