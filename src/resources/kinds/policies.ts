/** NetworkPolicy, GlobalNetworkPolicy and their staged forms. */
import * as v from "valibot";
import type { JsonObject } from "../../base/json.ts";
import { type NameRule, policyName } from "../names.ts";
import { type FieldSchema, listOf, nodeName, object, oneOf, optional, plainFlag, selector } from "../schema/fields.ts";
import { cell, type KindRow, listAt, nameCell, namespaceCell, objectAt, type Report, textAt } from "./kind.ts";
import { rules, validateRules } from "./rules.ts";
import { orderCell } from "./tier.ts";

const TIER_LABEL = "projectcalico.org/tier";

const common = {
  tier: optional(nodeName),
  order: optional(v.number("expected a number")),
  ingress: rules,
  egress: rules,
  selector: optional(selector),
  types: optional(listOf(oneOf(["Ingress", "Egress"]))),
} as const;
const hints = { performanceHints: optional(listOf(oneOf(["AssumeNeededOnEveryNode"]))) } as const;
const accounts = { serviceAccountSelector: optional(selector) } as const;
const global = {
  doNotTrack: optional(plainFlag),
  preDNAT: optional(plainFlag),
  applyOnForward: optional(plainFlag),
  ...accounts,
  namespaceSelector: optional(selector),
} as const;
const staged = { stagedAction: optional(oneOf(["Set", "Delete", "Learn", "Ignore"])) } as const;

/** Which directions a policy is about, where it does not say. */
function typesOf(spec: JsonObject): readonly string[] {
  const hasIngress = listAt(spec, "ingress").length > 0;
  if (listAt(spec, "egress").length === 0) return ["Ingress"];
  return hasIngress ? ["Ingress", "Egress"] : ["Egress"];
}

const defaults = (spec: JsonObject): JsonObject => ({
  ...spec,
  tier: textAt(spec, "tier") || "default",
  types: listAt(spec, "types").length > 0 ? listAt(spec, "types") : typesOf(spec),
});

const stagedDefaults = (spec: JsonObject): JsonObject => ({
  ...(textAt(spec, "stagedAction") === "Delete"
    ? { ...spec, tier: textAt(spec, "tier") || "default" }
    : defaults(spec)),
  stagedAction: textAt(spec, "stagedAction") || "Set",
});

function validate(policy: JsonObject, report: Report): void {
  const spec = objectAt(policy, "spec");
  const refuse = (field: string, reason: string) => report({ path: ["spec", field], value: spec[field], reason });
  validateRules(spec, "ingress", report);
  validateRules(spec, "egress", report);
  const types = listAt(spec, "types");
  for (const type of new Set(types)) {
    if (types.filter((other) => other === type).length > 1) refuse("types", `'${type}' type specified more than once`);
  }
  for (const field of ["selector", "serviceAccountSelector", "namespaceSelector"]) {
    if (textAt(spec, field).includes("global()"))
      refuse(field, "global() can only be used in an EntityRule namespaceSelector");
  }
  if (spec["doNotTrack"] === true && spec["preDNAT"] === true)
    refuse("preDNAT", "PreDNAT and DoNotTrack cannot both be true, for a given PolicySpec");
  if (spec["preDNAT"] === true && listAt(spec, "egress").length > 0)
    refuse("egress", "PreDNAT PolicySpec cannot have any Egress rules");
  if (spec["preDNAT"] === true && types.includes("Egress"))
    refuse("types", "PreDNAT PolicySpec cannot have 'egress' Type");
  if (spec["applyOnForward"] !== true && (spec["doNotTrack"] === true || spec["preDNAT"] === true)) {
    refuse(
      "applyOnForward",
      "ApplyOnForward must be true if either PreDNAT or DoNotTrack is true, for a given PolicySpec",
    );
  }
}

function validateGlobal(policy: JsonObject, report: Report): void {
  validate(policy, report);
  const spec = objectAt(policy, "spec");
  for (const [direction, side] of [
    ["ingress", "source"],
    ["egress", "destination"],
  ] as const) {
    for (const [index, rule] of listAt(spec, direction).entries()) {
      const services = objectAt(rule as JsonObject, side, "services");
      if (Object.keys(services).length === 0 || textAt(services, "namespace") !== "") continue;
      report({
        path: ["spec", direction, index, side, "services"],
        name: "Namespace",
        value: "",
        reason: "must specify a namespace",
      });
    }
  }
}

/** A staged deletion names what to delete, and nothing else. */
function validateStaged(policy: JsonObject, report: Report): void {
  const spec = objectAt(policy, "spec");
  if (textAt(spec, "stagedAction") !== "Delete") {
    validate(policy, report);
    return;
  }
  for (const field of Object.keys(spec)) {
    if (["tier", "stagedAction"].includes(field)) continue;
    report({ path: ["spec", field], value: spec[field], reason: "must be empty if StagedAction is Delete" });
  }
}

/** Every policy bears its tier as a label. */
const labelled = (policy: JsonObject): JsonObject => {
  const tier = textAt(policy, "spec", "tier") || "default";
  const metadata = objectAt(policy, "metadata");
  return {
    ...policy,
    metadata: { ...metadata, labels: { ...objectAt(metadata, "labels"), [TIER_LABEL]: tier } },
  };
};

const columns = {
  NAME: nameCell,
  TIER: cell("spec", "tier"),
  ORDER: orderCell,
  SELECTOR: cell("spec", "selector"),
};
const narrow = ["NAME", "TIER"];
const wide = ["NAME", "TIER", "ORDER", "SELECTOR"];

/** Names of policies that are converted from Kubernetes' own. */
const KUBERNETES = "knp.default.";
const name: NameRule = (given) =>
  given.startsWith(KUBERNETES)
    ? {
        reason: "kubernetes network policies must be managed through the kubernetes API",
        remedy: "take another name",
      }
    : policyName(given);

function policy(row: {
  readonly kind: KindRow["kind"];
  readonly aliases: readonly string[];
  readonly spec: FieldSchema;
  readonly isNamespaced: boolean;
  readonly isStaged: boolean;
}): KindRow {
  return {
    kind: row.kind,
    aliases: row.aliases,
    name,
    spec: row.spec,
    defaults: row.isStaged ? stagedDefaults : defaults,
    validate: row.isStaged ? validateStaged : row.isNamespaced ? validate : validateGlobal,
    stored: labelled,
    notEnforced: row.isStaged ? "staged policies never affect packets" : "policies are not applied",
    columns: row.isNamespaced ? { ...columns, NAMESPACE: namespaceCell } : columns,
    narrow,
    wide,
  };
}

export const networkPolicy = policy({
  kind: "NetworkPolicy",
  aliases: ["networkpolicies", "policy", "policies", "np", "nps", "pol", "pols"],
  spec: object({ ...common, ...accounts, ...hints }),
  isNamespaced: true,
  isStaged: false,
});

export const globalNetworkPolicy = policy({
  kind: "GlobalNetworkPolicy",
  aliases: ["globalnetworkpolicies", "gnp", "gnps"],
  spec: object({ ...common, ...global, ...hints }),
  isNamespaced: false,
  isStaged: false,
});

export const stagedNetworkPolicy = policy({
  kind: "StagedNetworkPolicy",
  aliases: ["stagednetworkpolicies", "stagedpolicy", "stagedpolicies", "snp", "snps", "spol", "spols"],
  spec: object({ ...staged, ...common, ...accounts, ...hints }),
  isNamespaced: true,
  isStaged: true,
});

export const stagedGlobalNetworkPolicy = policy({
  kind: "StagedGlobalNetworkPolicy",
  aliases: ["stagedglobalnetworkpolicies", "sgnp", "sgnps"],
  spec: object({ ...staged, ...common, ...global, ...hints }),
  isNamespaced: false,
  isStaged: true,
});
