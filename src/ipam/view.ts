/** What an assignment reads of the store before it looks at blocks: settings, pools, reservations, the node. */
import type { JsonObject } from "../base/json.ts";
import { allReadable, type Store } from "../port/store.ts";
import type { Labels } from "../selector/selector.ts";
import type { Reserved } from "./block.ts";
import { type Pool, readPool, readReservations } from "./pools.ts";
import { readSettings, SETTINGS_KEY, type Settings } from "./records.ts";

export interface IpamView {
  readonly settings: Settings;
  readonly pools: readonly Pool[];
  readonly reserved: Reserved;
}

/** Throws StoreError `malformed` where a reservation cannot be read: nobody knows which addresses it keeps back. */
export async function readView(store: Store): Promise<IpamView> {
  const [settings, pools, reservations] = await Promise.all([
    store.get(SETTINGS_KEY),
    readPools(store),
    store.list({ kind: "IPReservation" }),
  ]);
  return {
    settings: readSettings(settings?.value),
    pools,
    reserved: readReservations(allReadable(reservations).map(({ value }) => value)),
  };
}

export async function readPools(store: Store): Promise<readonly Pool[]> {
  const { objects } = await store.list({ kind: "IPPool" });
  return objects.flatMap(({ value }) => readPool(value) ?? []);
}

/** The node's labels; none where the node has no resource yet. */
export async function readNodeLabels(store: Store, node: string): Promise<Labels> {
  const metadata = (await store.get({ kind: "Node", name: node }))?.value["metadata"] as JsonObject | undefined;
  const labels = metadata?.["labels"];
  if (typeof labels !== "object" || labels === null || Array.isArray(labels)) return {};
  return Object.fromEntries(Object.entries(labels).map(([key, value]) => [key, String(value)]));
}
