/** GC of CNI 1.1.0: what containers hold that the runtime no longer knows is freed. */
import { cleanHandle } from "../ipam/block.ts";
import { readBlocks } from "../ipam/blocks.ts";
import type { Ipam } from "../ipam/ipam.ts";
import type { Log } from "../port/log.ts";
import type { Store } from "../port/store.ts";
import type { NetworkConfig } from "./config.ts";
import { containerOf } from "./endpoints.ts";
import { CniError, ErrorCode } from "./errors.ts";
import type { EndpointSink } from "./server.ts";

export interface CollectDeps {
  readonly store: Store;
  readonly ipam: Ipam;
  readonly endpoints: EndpointSink;
  readonly nodeName: string;
  readonly log: Log;
}

/**
 * Frees addresses and records of containers on this node that are not in the configuration's list; only those of its
 * own network. Throws CniError 7 without a list: no list is not an empty one.
 */
export async function collectGarbage(deps: CollectDeps, { name, validAttachments }: NetworkConfig): Promise<void> {
  if (!validAttachments) {
    const message = "GC without cni.dev/valid-attachments: nothing is collected";
    throw new CniError(ErrorCode.invalidConfiguration, message, "the runtime lists there what is still in use");
  }
  const { store, ipam, endpoints, nodeName, log } = deps;
  const prefix = `${name}.`;
  const stale = new Set<string>();
  for (const family of [4, 6] as const) {
    for (const id of (await readBlocks(store, family, log)).handlesOn(nodeName)) {
      const handle = cleanHandle(id);
      if (handle.startsWith(prefix)) stale.add(handle.slice(prefix.length));
    }
  }
  for (const { containerId } of validAttachments) stale.delete(containerId);
  if (stale.size === 0) return;
  for (const endpoint of (await store.list({ kind: "WorkloadEndpoint" })).objects) {
    if (!stale.has(containerOf(endpoint))) continue;
    const { key, revision } = endpoint;
    if ((await store.write([{ op: "delete", key, revision }])).ok) await endpoints.removed(key);
  }
  await Promise.all([...stale].map((container) => ipam.releaseByHandle(`${prefix}${container}`)));
  log.info("addresses of containers that are gone were freed", { containers: [...stale] });
}
