/** IPAMConfiguration: how addresses are assigned in the whole cluster. */
import type { JsonObject } from "../../base/json.ts";
import { singletonName } from "../names.ts";
import { flag, integerFrom, object, oneOf, optional, written } from "../schema/fields.ts";
import { cell, flagCell, type KindRow, nameCell, objectAt, type Report } from "./kind.ts";

const MAX_BLOCKS_PER_HOST = 1_000_000;

function validate(configuration: JsonObject, report: Report): void {
  const given = objectAt(configuration, "spec");
  if (given["strictAffinity"] === true || given["autoAllocateBlocks"] !== false) return;
  report({
    path: ["spec", "autoAllocateBlocks"],
    value: false,
    reason: "Cannot disable 'StrictAffinity' and 'AutoAllocateBlocks' at the same time",
    remedy: "set one of strictAffinity and autoAllocateBlocks to true",
  });
}

export const ipamConfiguration: KindRow = {
  kind: "IPAMConfiguration",
  aliases: ["ipamconfigurations", "ipamconfig", "ipamconfigs"],
  name: singletonName,
  spec: object({
    strictAffinity: optional(written(flag, false)),
    autoAllocateBlocks: optional(written(flag, true)),
    maxBlocksPerHost: optional(written(integerFrom(0, MAX_BLOCKS_PER_HOST), 0)),
    kubeVirtVMAddressPersistence: optional(oneOf(["Enabled", "Disabled"])),
  }),
  validate,
  columns: {
    NAME: nameCell,
    STRICTAFFINITY: flagCell("spec", "strictAffinity"),
    AUTOALLOCATEBLOCKS: cell("spec", "autoAllocateBlocks"),
    MAXBLOCKSPERHOST: (object, context) => cell("spec", "maxBlocksPerHost")(object, context) || "0",
  },
  narrow: ["NAME", "STRICTAFFINITY", "AUTOALLOCATEBLOCKS"],
  wide: ["NAME", "STRICTAFFINITY", "AUTOALLOCATEBLOCKS", "MAXBLOCKSPERHOST"],
};
