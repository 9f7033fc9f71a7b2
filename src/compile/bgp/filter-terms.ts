/** Rules of a BGPFilter as terms (control plane 1.7, 6.6): conditions are all to hold, operations come before the verdict. */

import type { Json, JsonObject } from "../../base/json.ts";
import { arrayOf, objectOf, textOf } from "../../base/json-fields.ts";
import type { Action, Condition, Term } from "../../bgp/filter/types.ts";
import { type Family, widthOf } from "../../ip/address.ts";
import { type Prefix, prefixFamily, prefixOf, tryParseInterfaceAddress } from "../../ip/prefix.ts";
import { parseCommunity } from "./community.ts";
import { addCommunity, localPrefOf } from "./export-policy.ts";

/** Undefined for a rule that cannot be read. */
export function filterTerm(rule: JsonObject, family: Family, about: string): Term | undefined {
  const verdict = verdicts[textOf(rule["action"]) ?? ""];
  const conditions = readers.map((read) => read(rule, family));
  const actions = arrayOf(rule["operations"]).map((operation) => actionOf(objectOf(operation)));
  if (verdict === undefined) return undefined;
  const readable = conditions.flatMap((condition) => condition ?? []);
  if (conditions.includes(undefined)) return undefined;
  const done = actions.flatMap((action) => action ?? []);
  return done.length < actions.length ? undefined : { about, conditions: readable, actions: done, verdict };
}

const verdicts: Readonly<Record<string, "accept" | "reject">> = { Accept: "accept", Reject: "reject" };

/** The conditions of a field: none where it is absent, undefined where it cannot be read. */
type Reader = (rule: JsonObject, family: Family) => readonly Condition[] | undefined;

const given = (value: Json | undefined): boolean => value !== undefined && value !== null && value !== "";

const field =
  (name: string, read: (value: Json) => Condition | undefined): Reader =>
  (rule) => {
    const value = rule[name];
    if (value === undefined || !given(value)) return [];
    const condition = read(value);
    return condition && [condition];
  };

const readers: readonly Reader[] = [
  prefixCondition,
  field("source", (value) => (value === "RemotePeers" ? { kind: "source", source: "peer" } : undefined)),
  field("interface", (value) => (typeof value === "string" ? { kind: "device", pattern: value } : undefined)),
  field("peerType", (value) => {
    if (value === "eBGP") return { kind: "peerType", peerType: "external" };
    return value === "iBGP" ? { kind: "peerType", peerType: "internal" } : undefined;
  }),
  field("communities", (value) => {
    const [only, ...more] = arrayOf(objectOf(value)["values"]);
    const community = more.length === 0 && typeof only === "string" ? parseCommunity(only) : undefined;
    if (community === undefined) return undefined;
    return typeof community === "number" ? { kind: "community", community } : { kind: "largeCommunity", community };
  }),
  field("asPathPrefix", (value) => {
    const asns = asnsOf(value);
    return asns && { kind: "asPathPrefix", asns };
  }),
  field("priority", (value) =>
    typeof value === "number" ? { kind: "localPref", value: localPrefOf(value) } : undefined,
  ),
];

function prefixCondition(rule: JsonObject, family: Family): readonly Condition[] | undefined {
  const operator = textOf(rule["matchOperator"]);
  const text = textOf(rule["cidr"]);
  if (operator === undefined && text === undefined) return [];
  const parsed = text === undefined ? undefined : tryParseInterfaceAddress(text);
  const prefix = parsed && prefixOf(parsed.address, parsed.length);
  if (!prefix || prefixFamily(prefix) !== family) return undefined;
  switch (operator) {
    case "Equal":
      return [{ kind: "equals", prefix }];
    case "NotEqual":
      return [{ kind: "not", condition: { kind: "equals", prefix } }];
    case "In":
      return [within(prefix, rule)];
    case "NotIn":
      return [{ kind: "not", condition: within(prefix, rule) }];
    default:
      return undefined;
  }
}

/** `prefixLength` bounds what counts as inside; it never reaches above the prefix itself. */
function within(prefix: Prefix, rule: JsonObject): Condition {
  const { min, max } = objectOf(rule["prefixLength"]);
  const width = widthOf(prefixFamily(prefix));
  return {
    kind: "within",
    prefix,
    ...(typeof min === "number" ? { least: Math.max(min, prefix.length) } : {}),
    ...(typeof max === "number" ? { most: Math.min(max, width) } : {}),
  };
}

function actionOf(operation: JsonObject): Action | undefined {
  const { value } = objectOf(operation["addCommunity"]);
  if (typeof value === "string") {
    const community = parseCommunity(value);
    return community === undefined ? undefined : addCommunity(community);
  }
  const asns = asnsOf(objectOf(operation["prependASPath"])["prefix"]);
  if (asns) return { kind: "prependAsPath", asns };
  const priority = objectOf(operation["setPriority"])["value"];
  return typeof priority === "number" ? { kind: "setLocalPref", value: localPrefOf(priority) } : undefined;
}

function asnsOf(value: Json | undefined): readonly number[] | undefined {
  const asns = arrayOf(value).filter((asn) => typeof asn === "number");
  return asns.length > 0 && asns.length === arrayOf(value).length ? asns : undefined;
}
