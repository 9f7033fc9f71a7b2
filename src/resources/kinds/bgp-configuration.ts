/** BGPConfiguration: `default` for the cluster, `node.<name>` for one node. */
import type { JsonObject } from "../../base/json.ts";
import { subdomainName } from "../names.ts";
import {
  asNumber,
  duration,
  flag,
  integerFrom,
  ipAddress,
  listOf,
  network,
  nodeName,
  object,
  oneOf,
  optional,
  port,
  text,
  textWhere,
} from "../schema/fields.ts";
import { cell, type KindRow, listAt, nameCell, objectAt, type Report, textAt } from "./kind.ts";

export const password = object({
  secretKeyRef: optional(object({ name: optional(text), key: text, optional: optional(flag) })),
});

/** Why a text is no BGP community, or undefined. */
function badCommunity(given: string): string | undefined {
  const parts = given.split(":");
  if ((parts.length !== 2 && parts.length !== 3) || parts.some((part) => !/^\d+$/.test(part)))
    return "invalid community value or format used.";
  const bits = parts.length === 2 ? 16 : 32;
  return parts.some((part) => Number(part) >= 2 ** bits)
    ? `invalid community value, expected ${bits} bit value`
    : undefined;
}

export const community = textWhere((given) => {
  const reason = badCommunity(given);
  return reason === undefined ? undefined : { reason, remedy: "write aa:nn (16 bits each) or aa:nn:mm (32 bits each)" };
});

const cidrs = optional(listOf(object({ cidr: optional(network()) })));

const spec = object({
  logSeverityScreen: optional(oneOf(["Trace", "Debug", "Info", "Warning", "Error", "Fatal", "None"])),
  nodeToNodeMeshEnabled: optional(flag),
  asNumber: optional(asNumber),
  serviceLoadBalancerIPs: cidrs,
  serviceExternalIPs: cidrs,
  serviceClusterIPs: cidrs,
  communities: optional(listOf(object({ name: nodeName, value: community }))),
  prefixAdvertisements: optional(listOf(object({ cidr: network(), communities: optional(listOf(text)) }))),
  listenPort: optional(port),
  nodeMeshPassword: optional(password),
  nodeMeshMaxRestartTime: optional(duration),
  bindMode: optional(oneOf(["None", "NodeIP"])),
  ignoredInterfaces: optional(listOf(text)),
  localWorkloadPeeringIPV4: optional(ipAddress(4)),
  localWorkloadPeeringIPV6: optional(ipAddress(6)),
  serviceLoadBalancerAggregation: optional(oneOf(["Enabled", "Disabled"])),
  programClusterRoutes: optional(oneOf(["Enabled", "Disabled"])),
  ipv4NormalRoutePriority: optional(integerFrom(1, 2147483646)),
  ipv6NormalRoutePriority: optional(integerFrom(1, 2147483646)),
});

function validate(object: JsonObject, report: Report): void {
  const given = objectAt(object, "spec");
  const communities = listAt(given, "communities").map((item) => item as JsonObject);
  const advertisements = listAt(given, "prefixAdvertisements").map((item) => item as JsonObject);
  if (communities.length > 0 && advertisements.length === 0) {
    report({
      path: ["spec", "communities"],
      name: "Spec.Communities[]",
      value: communities,
      reason: "communities are defined but not used in Spec.PrefixAdvertisement[].",
      remedy: "name them in prefixAdvertisements, or drop them",
    });
  }
  const names = new Set(communities.map((item) => textAt(item, "name")));
  for (const [index, advertisement] of advertisements.entries()) {
    for (const used of listAt(advertisement, "communities").map(String)) {
      if (names.has(used) || badCommunity(used) === undefined) continue;
      report({
        path: ["spec", "prefixAdvertisements", index, "communities"],
        name: "Spec.PrefixAdvertisement[].Communities[]",
        value: used,
        reason: "community used is invalid or not defined.",
      });
    }
  }
  if (given["nodeToNodeMeshEnabled"] === false) {
    for (const field of ["nodeMeshPassword", "nodeMeshMaxRestartTime"]) {
      if (given[field] === undefined) continue;
      const name = field === "nodeMeshPassword" ? "NodeMeshPassword" : "NodeMeshMaxRestartTime";
      report({
        path: ["spec", field],
        name: `Spec.${name}`,
        value: given[field],
        reason: `spec.${name} cannot be set if spec.NodeToNodeMesh is disabled`,
      });
    }
  }
  if (listAt(given, "ignoredInterfaces").includes("*"))
    report({ path: ["spec", "ignoredInterfaces"], value: "*", reason: "'*' would ignore every interface" });
}

const services = { why: "this node announces no services; what peers tell in such a range is left out" };

const orDash =
  (column: (object: JsonObject) => string) =>
  (object: JsonObject): string =>
    column(object) || "-";

export const bgpConfiguration: KindRow = {
  kind: "BGPConfiguration",
  aliases: ["bgpconfigurations", "bgpconfig", "bgpconfigs"],
  name: subdomainName,
  spec,
  validate,
  notEnforcedName: (name) =>
    name === "default" || name.startsWith("node.") ? undefined : "only 'default' and 'node.NAME' are used",
  notEnforcedFields: {
    logSeverityScreen: { why: "the agent logs for BGP too, as FelixConfiguration says", unless: "Info" },
    serviceClusterIPs: services,
    serviceExternalIPs: services,
    serviceLoadBalancerIPs: services,
    programClusterRoutes: { why: "the routes of IP-in-IP pools come by BGP", unless: "Disabled" },
  },
  columns: {
    NAME: nameCell,
    LOGSEVERITY: (object) => textAt(object, "spec", "logSeverityScreen"),
    MESHENABLED: orDash((object) => cell("spec", "nodeToNodeMeshEnabled")(object, { asNumber: "" })),
    ASNUMBER: orDash((object) => cell("spec", "asNumber")(object, { asNumber: "" })),
  },
  narrow: ["NAME", "LOGSEVERITY", "MESHENABLED", "ASNUMBER"],
  wide: ["NAME", "LOGSEVERITY", "MESHENABLED", "ASNUMBER"],
};
