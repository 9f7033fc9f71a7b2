/**
 * IPAMConfiguration is kept twice: as the resource, and as the record that address management reads (and that calicoctl's
 * `ipam configure` writes) in an etcd store. Both are written together.
 */
import type { JsonObject } from "../../base/json.ts";
import { SETTINGS_KEY } from "../../ipam/records.ts";
import { objectAt } from "../../resources/kinds/kind.ts";
import type { KindRule, RuleContext } from "./rule.ts";

/** The record that a resource's spec means; fields of the record that are not ours stay. */
const settingsRecord = (spec: JsonObject, was: JsonObject = {}): JsonObject => ({
  ...was,
  strict_affinity: spec["strictAffinity"] === true,
  auto_allocate_blocks: spec["autoAllocateBlocks"] !== false,
  maxBlocksPerHost: Number(spec["maxBlocksPerHost"] ?? 0),
  ...(spec["kubeVirtVMAddressPersistence"] === undefined
    ? {}
    : { kubeVirtVMAddressPersistence: spec["kubeVirtVMAddressPersistence"] }),
});

async function writeRecord({ store }: RuleContext, configuration: JsonObject): Promise<void> {
  const was = await store.get(SETTINGS_KEY);
  await store.write([
    { op: "put", key: SETTINGS_KEY, value: settingsRecord(objectAt(configuration, "spec"), was?.value) },
  ]);
}

async function beforeDelete({ store }: RuleContext): Promise<undefined> {
  await store.write([{ op: "delete", key: SETTINGS_KEY }]);
  return undefined;
}

export const ipamConfigurationRule: KindRule = { afterWrite: writeRecord, beforeDelete };
