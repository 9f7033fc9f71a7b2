/** ipam configure: changes how addresses are assigned, in the resource and in the record that Calico's tools read. */
import type { JsonObject } from "../../base/json.ts";
import { readSettings, SETTINGS_KEY } from "../../ipam/records.ts";
import { checkObject } from "../../resources/check.ts";
import { objectAt } from "../../resources/kinds/kind.ts";
import { kindRows } from "../../resources/registry.ts";
import { CommandError } from "../verbs/targets.ts";
import type { VerbDeps } from "../verbs/write-verbs.ts";

export interface IpamChange {
  readonly strictAffinity?: boolean | undefined;
  readonly maxBlocksPerHost?: number | undefined;
  readonly kubeVirtVMAddressPersistence?: string | undefined;
}

/** As Go's ParseBool. Throws CommandError. */
export function parseFlag(option: string, text: string): boolean {
  if (["1", "t", "T", "true", "TRUE", "True"].includes(text)) return true;
  if (["0", "f", "F", "false", "FALSE", "False"].includes(text)) return false;
  throw new CommandError("options", `invalid value. Use true or false to set ${option}`, { given: text });
}

const row = kindRows.IPAMConfiguration;
const key = { kind: "IPAMConfiguration", name: "default" };

/** Throws CommandError, ResourceError. */
export async function configure(change: IpamChange, { client, io }: VerbDeps): Promise<void> {
  const given = Object.entries(change).filter(([, value]) => value !== undefined);
  if (given.length === 0)
    throw new CommandError("options", "at least one configuration option must be specified", { given: "" });
  const [record, resource] = await Promise.all([client.store.get(SETTINGS_KEY), client.store.get(key)]);
  const stored: JsonObject = resource ? objectAt(resource.value, "spec") : {};
  const spec: JsonObject = { ...stored, ...readSettings(record?.value), ...Object.fromEntries(given) };
  if (change.maxBlocksPerHost !== undefined && change.maxBlocksPerHost > 0 && spec["strictAffinity"] !== true) {
    throw new CommandError(
      "options",
      "error: MaxBlocksPerHost can only be set when StrictAffinity is true; give --strictaffinity=true too",
      { given: String(change.maxBlocksPerHost) },
    );
  }
  const object = { kind: row.kind, apiVersion: "projectcalico.org/v3", metadata: { name: key.name }, spec };
  await client.apply({ row, ...checkObject(row, object) });
  for (const [field, value] of given) io.out(`Successfully set ${property[field]} to: ${value}\n`);
}

const property: Readonly<Record<string, string>> = {
  strictAffinity: "StrictAffinity",
  maxBlocksPerHost: "MaxBlocksPerHost",
  kubeVirtVMAddressPersistence: "KubeVirtVMAddressPersistence",
};
