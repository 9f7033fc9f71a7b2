/** The store that an agent's environment names, in calico-node's words. */
import { EtcdStore } from "../../adapter/store/etcd-store.ts";
import { CodedError } from "../../base/errors.ts";
import type { Clock } from "../../port/clock.ts";
import type { Store } from "../../port/store.ts";
import { etcdKeys } from "../../resources/etcd-keys.ts";
import type { ProcessHost } from "../process-host.ts";

export class NodeStoreError extends CodedError<"noStore" | "unsupportedStore", object> {}

/** Throws NodeStoreError, and StoreError for endpoints that cannot be read. Connects with the first call. */
export function connectNodeStore({ env }: ProcessHost, clock: Clock): Store {
  const type = env["DATASTORE_TYPE"] ?? "etcdv3";
  if (type !== "etcdv3") {
    throw new NodeStoreError(
      "unsupportedStore",
      `DATASTORE_TYPE=${type} is not supported by this version; use etcdv3`,
      {},
    );
  }
  const endpoints = (env["ETCD_ENDPOINTS"] ?? "")
    .split(",")
    .flatMap((text) => (text.trim() === "" ? [] : [text.trim()]));
  if (endpoints.length === 0) {
    const message = "no store is named: set ETCD_ENDPOINTS, for example ETCD_ENDPOINTS=http://10.0.0.1:2379";
    throw new NodeStoreError("noStore", message, {});
  }
  return new EtcdStore({ endpoints, keys: etcdKeys, clock });
}
