/** Tier: policies are evaluated tier by tier, in order. The three of Calico are always there. */

import * as v from "valibot";
import type { JsonObject } from "../../base/json.ts";
import { labelName } from "../names.ts";
import { object, oneOf, optional } from "../schema/fields.ts";
import { goFloat } from "./go-float.ts";
import { at, type KindRow, nameCell, type Report, textAt } from "./kind.ts";

/** Calico 3.32: created with the cluster, kept as they are. */
export const builtInTiers = [
  { name: "default", order: 1_000_000, defaultAction: "Deny" },
  { name: "kube-admin", order: 1_000, defaultAction: "Pass" },
  { name: "kube-baseline", order: 10_000_000, defaultAction: "Pass" },
] as const;

export type BuiltInTier = (typeof builtInTiers)[number];

function validate(tier: JsonObject, report: Report): void {
  const builtIn = builtInTiers.find(({ name }) => name === textAt(tier, "metadata", "name"));
  if (!builtIn || at(tier, "spec", "order") === builtIn.order) return;
  report({
    path: ["spec", "order"],
    name: "TierSpec.Order",
    value: at(tier, "spec", "order"),
    reason: `${builtIn.name} tier order must be ${goFloat(builtIn.order)}`,
    remedy: `write order: ${builtIn.order}`,
  });
}

export const orderCell = (object: JsonObject): string => {
  const order = at(object, "spec", "order");
  return typeof order === "number" ? goFloat(order) : "<nil>";
};

export const tier: KindRow = {
  kind: "Tier",
  aliases: ["tiers"],
  name: labelName,
  spec: object({ order: optional(v.number("expected a number")), defaultAction: optional(oneOf(["Deny", "Pass"])) }),
  defaults: (spec) => ({ ...spec, defaultAction: textAt(spec, "defaultAction") || "Deny" }),
  validate,
  notEnforced: "policies are not applied",
  columns: { NAME: nameCell, ORDER: orderCell },
  narrow: ["NAME", "ORDER"],
  wide: ["NAME", "ORDER"],
};
