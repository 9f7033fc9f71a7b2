/** Rules of policies and profiles: `api/pkg/apis/projectcalico/v3/policy_common.go` and Calico's validator. */
import * as v from "valibot";
import type { JsonObject } from "../../base/json.ts";
import { familyOf, tryParseAddress } from "../../ip/address.ts";
import { tryParseInterfaceAddress } from "../../ip/prefix.ts";
import type { FieldPath } from "../problems.ts";
import { integerFrom, listOf, network, object, oneOf, optional, selector, struct, text } from "../schema/fields.ts";
import { at, listAt, objectAt, type Report, textAt } from "./kind.ts";

const protocolNames = ["TCP", "UDP", "ICMP", "ICMPv6", "SCTP", "UDPLite"];

/** A name or a number from 1 to 255. */
export const protocol = v.pipe(
  v.union([v.number(), v.string()], "expected a protocol: a name or a number"),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const { value } = dataset;
    if (typeof value === "number") {
      if (!Number.isInteger(value) || value < 1 || value > 255) addIssue({ message: "protocol number invalid" });
      return;
    }
    if (protocolNames.includes(value) || /^([1-9]\d?|1\d\d|2[0-4]\d|25[0-5])$/.test(value)) return;
    const meant = protocolNames.find((name) => name.toLowerCase() === value.toLowerCase());
    addIssue({
      message: "protocol name invalid",
      expected: meant ? `write ${meant}` : `write one of ${protocolNames.join(", ")} or a number from 1 to 255`,
    });
  }),
);

const MAX_PORT = 65535;

/** A number, `"first:last"`, or a port's name. Stored as Calico does: a range of one is a number. */
export const portOrRange = v.pipe(
  v.union([v.number(), v.string()], "expected a port: a number, a range or a name"),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const given = String(dataset.value);
    const range = /^(\d+)(?::(\d+))?$/.exec(given);
    if (!range) {
      if (/^[a-zA-Z0-9_.-]{1,128}$/.test(given) && typeof dataset.value === "string") return given;
      addIssue({ message: "invalid port", expected: 'write a number, a range such as "8080:8090", or a name' });
      return NEVER;
    }
    const first = Number(range[1]);
    const last = Number(range[2] ?? range[1]);
    if (first <= last && last <= MAX_PORT) return first === last ? first : `${first}:${last}`;
    addIssue({
      message: "port range invalid, port number must be between 1 and 65535 and the first not above the last",
    });
    return NEVER;
  }),
);

/** A number from 0 to 63 or a class name. */
export const dscp = v.pipe(
  v.union([v.number(), v.string()], "expected a DSCP value"),
  v.check(
    (value) =>
      typeof value === "number"
        ? Number.isInteger(value) && value >= 0 && value <= 63
        : /^(DF|EF|AF[1-4][1-3]|CS[0-7])$/.test(value),
    "must be a number from 0 to 63, DF, EF, AF11 … AF43 or CS0 … CS7",
  ),
);

const icmp = object({ type: optional(integerFrom(0, 254)), code: optional(integerFrom(0, 255)) });

const entity = struct({
  nets: optional(listOf(network())),
  selector: optional(selector),
  namespaceSelector: optional(selector),
  services: optional(object({ name: optional(text), namespace: optional(text) })),
  ports: optional(listOf(portOrRange)),
  notNets: optional(listOf(network())),
  notSelector: optional(selector),
  notPorts: optional(listOf(portOrRange)),
  serviceAccounts: optional(object({ names: optional(listOf(text)), selector: optional(selector) })),
});

const rule = object({
  action: oneOf(["Allow", "Deny", "Log", "Pass"]),
  ipVersion: optional(integerFrom(4, 6)),
  protocol: optional(protocol),
  icmp: optional(icmp),
  notProtocol: optional(protocol),
  notICMP: optional(icmp),
  source: optional(entity),
  destination: optional(entity),
  http: optional(
    object({
      methods: optional(listOf(text)),
      paths: optional(listOf(object({ exact: optional(text), prefix: optional(text) }))),
    }),
  ),
  metadata: optional(object({ annotations: optional(v.record(v.string(), text)) })),
});

export const rules = optional(listOf(rule));

export type Direction = "ingress" | "egress";

/** Checks of each rule that span its fields. */
export function validateRules(spec: JsonObject, direction: Direction, report: Report): void {
  for (const [index, given] of listAt(spec, direction).entries()) {
    validateRule(given as JsonObject, ["spec", direction, index], direction, report);
  }
}

const isIcmp = (value: unknown): boolean => value === "ICMP" || value === 1 || value === "1";
const isIcmp6 = (value: unknown): boolean => value === "ICMPv6" || value === 58 || value === "58";
const hasPorts = (value: unknown): boolean => ["TCP", "UDP", "SCTP", 6, 17, 132].includes(value as string);

function validateRule(given: JsonObject, path: FieldPath, direction: Direction, report: Report): void {
  const refuse = (field: string, reason: string, remedy?: string) =>
    report({ path: [...path, field], value: at(given, field), reason, remedy });
  const { protocol: proto, notProtocol: notProto, ipVersion } = given;
  if (ipVersion === 5) refuse("ipVersion", "must be 4 or 6");
  if (given["icmp"] !== undefined && !isIcmp(proto) && !isIcmp6(proto))
    refuse("icmp", "rules that specify ICMP fields must set protocol to ICMP", "write protocol: ICMP or ICMPv6");
  for (const field of ["icmp", "notICMP"]) {
    if (at(given, field, "code") !== undefined && at(given, field, "type") === undefined)
      refuse(field, "ICMP code specified without an ICMP type", "write the type too");
  }
  if ((isIcmp(proto) || isIcmp(notProto)) && ipVersion === 6)
    refuse("ipVersion", "must set ipversion to '4' with protocol icmp");
  if ((isIcmp6(proto) || isIcmp6(notProto)) && ipVersion === 4)
    refuse("ipVersion", "must set ipversion to '6' with protocol icmpv6");
  if (given["http"] !== undefined) {
    if (given["action"] !== "Allow") refuse("http", "only valid for Allow rules");
    if (direction === "egress") refuse("http", "not allowed in egress rule");
    if (proto !== undefined && proto !== "TCP" && proto !== 6)
      refuse("protocol", "rules that specify HTTP fields must set protocol to TCP or empty");
  }
  for (const side of ["source", "destination"] as const)
    validateEntity(given, [...path, side], side, direction, report);
  validateFamilies(given, path, report);
}

function validateEntity(
  given: JsonObject,
  path: FieldPath,
  side: "source" | "destination",
  direction: Direction,
  report: Report,
): void {
  const entityRule = objectAt(given, side);
  const refuse = (field: string, reason: string, remedy?: string) =>
    report({ path: [...path, field], value: entityRule[field], reason, remedy });
  for (const field of ["ports", "notPorts"]) {
    const numeric = listAt(entityRule, field).some((item) => typeof item === "number" || /^\d+:/.test(String(item)));
    const named = listAt(entityRule, field).length > 0 && !numeric;
    if (
      (numeric && !hasPorts(given["protocol"])) ||
      (named && given["protocol"] !== undefined && !hasPorts(given["protocol"]))
    )
      refuse(
        field,
        "rules that specify ports must set protocol to TCP or UDP or SCTP",
        "write the protocol of the rule",
      );
  }
  if (textAt(entityRule, "selector").includes("global()"))
    refuse("selector", "global() can only be used in an EntityRule namespaceSelector");
  if (/global\(\).*(&&|\|\|)|(&&|\|\|).*global\(\)/.test(textAt(entityRule, "namespaceSelector")))
    refuse("namespaceSelector", "global() cannot be combined with other selectors");
  if (listAt(entityRule, "notNets").some((net) => net === "0.0.0.0/0" || net === "::/0"))
    refuse("notNets", "excludes every address, so that the rule would match nothing");
  if (entityRule["services"] === undefined) return;
  const allowed = direction === "egress" ? "destination" : "source";
  if (side !== allowed) refuse("services", `not allowed in ${direction} rule ${side}`);
  if (textAt(entityRule, "services", "name") === "") refuse("services", "must specify a service name");
  for (const field of [
    "selector",
    "notSelector",
    "namespaceSelector",
    "serviceAccounts",
    "nets",
    "notNets",
    "ports",
    "notPorts",
  ]) {
    if (entityRule[field] !== undefined)
      refuse("services", `cannot specify ${field} and services on the same rule`, `drop ${field}`);
  }
}

function validateFamilies(given: JsonObject, path: FieldPath, report: Report): void {
  const seen = new Set<number>();
  for (const side of ["source", "destination"]) {
    for (const field of ["nets", "notNets"]) {
      for (const net of listAt(given, side, field)) {
        const address = tryParseAddress(String(net)) ?? tryParseInterfaceAddress(String(net))?.address;
        if (address === undefined) continue;
        seen.add(familyOf(address));
        if (given["ipVersion"] !== undefined && given["ipVersion"] !== familyOf(address))
          report({ path: [...path, side, field], value: net, reason: "rule IP version doesn't match CIDR version" });
      }
    }
  }
  if (seen.size > 1) {
    report({
      path,
      value: undefined,
      reason: "rule contains both IPv4 and IPv6 CIDRs",
      remedy: "write one rule for each family",
    });
  }
}
