/** WorkloadEndpoint: one interface of one pod. Its name is made from its spec. */
import type { JsonObject } from "../../base/json.ts";
import { tryParseAddress } from "../../ip/address.ts";
import { contains, hostPrefix, isHostPrefix, tryParsePrefix } from "../../ip/prefix.ts";
import { subdomainName } from "../names.ts";
import {
  addressInNetwork,
  integerFrom,
  interfaceName,
  ipAddress,
  listOf,
  mac,
  network,
  nodeName,
  object,
  optional,
  port,
  text,
  textLike,
  written,
} from "../schema/fields.ts";
import {
  at,
  cell,
  joinedCell,
  type KindRow,
  listAt,
  nameCell,
  namespaceCell,
  objectAt,
  type Report,
  textAt,
} from "./kind.ts";
import { dscp, protocol } from "./rules.ts";

const rate = optional(integerFrom(0));

const spec = object({
  orchestrator: optional(nodeName),
  workload: optional(nodeName),
  node: optional(nodeName),
  containerID: optional(
    textLike(/^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?$/, "must consist of alphanumeric characters or '-'"),
  ),
  pod: optional(nodeName),
  endpoint: optional(nodeName),
  serviceAccountName: optional(nodeName),
  ipNetworks: optional(listOf(network())),
  ipNATs: optional(listOf(object({ internalIP: ipAddress(), externalIP: ipAddress() }))),
  ipv4Gateway: optional(ipAddress(4)),
  ipv6Gateway: optional(ipAddress(6)),
  profiles: optional(listOf(nodeName)),
  interfaceName: optional(interfaceName),
  mac: optional(mac),
  ports: optional(
    listOf(
      object({
        name: optional(written(text, "")),
        protocol,
        port: integerFrom(1, 65535),
        hostPort: optional(written(port, 0)),
        hostIP: optional(written(network(), "")),
      }),
    ),
  ),
  allowSpoofedSourcePrefixes: optional(listOf(addressInNetwork())),
  qosControls: optional(
    object({
      ingressBandwidth: rate,
      ingressBurst: rate,
      ingressPeakrate: rate,
      ingressMinburst: rate,
      egressBandwidth: rate,
      egressBurst: rate,
      egressPeakrate: rate,
      egressMinburst: rate,
      ingressPacketRate: rate,
      ingressPacketBurst: rate,
      egressPacketRate: rate,
      egressPacketBurst: rate,
      ingressMaxConnections: rate,
      egressMaxConnections: rate,
      dscp: optional(dscp),
    }),
  ),
});

/** One segment of a name: dashes doubled, so that single ones separate. */
const escaped = (segment: string): string => segment.replaceAll("-", "--");

/** The name that a spec makes, or what the spec lacks for it. */
function nameFrom(given: JsonObject): { readonly name: string } | { readonly missing: string } {
  const orchestrator = textAt(given, "orchestrator");
  const fields =
    orchestrator === "k8s"
      ? ["node", "orchestrator", "pod", "endpoint"]
      : orchestrator === "cni"
        ? ["node", "orchestrator", "containerID", "endpoint"]
        : orchestrator === "libnetwork"
          ? ["node", "orchestrator", "endpoint"]
          : ["node", "orchestrator", "workload", "endpoint"];
  const missing = fields.find((field) => textAt(given, field) === "");
  if (missing !== undefined) return { missing };
  const segments = fields.map((field) => textAt(given, field));
  if (orchestrator === "libnetwork") segments.splice(2, 0, "libnetwork");
  return { name: segments.map(escaped).join("-") };
}

function validate(endpoint: JsonObject, report: Report): void {
  const given = objectAt(endpoint, "spec");
  const made = nameFrom(given);
  const name = textAt(endpoint, "metadata", "name");
  if ("missing" in made) {
    report({
      path: ["spec", made.missing],
      value: "",
      reason: `must be set: the name of a WorkloadEndpoint is made from it`,
    });
  } else if (name !== "" && name !== made.name) {
    report({
      path: ["metadata", "name"],
      value: name,
      reason: `the name does not match the primary identifiers assigned in spec: expected name ${made.name}`,
      remedy: `write ${made.name}, or leave the name out`,
    });
  }
  const networks = listAt(given, "ipNetworks").map((text) => tryParsePrefix(String(text)) ?? bare(String(text)));
  if (networks.some((prefix) => prefix && !isHostPrefix(prefix))) {
    report({
      path: ["spec", "ipNetworks"],
      value: given["ipNetworks"],
      reason: "IP network contains multiple addresses",
      remedy: "write single addresses, /32 or /128",
    });
  }
  for (const [index, nat] of listAt(given, "ipNATs").entries()) {
    const internal = tryParseAddress(String((nat as JsonObject)["internalIP"]));
    if (internal === undefined || networks.some((prefix) => prefix && contains(prefix, internal))) continue;
    report({ path: ["spec", "ipNATs", index], value: nat, reason: "NAT is not in the endpoint networks" });
  }
}

const bare = (text: string) => {
  const address = tryParseAddress(text);
  return address === undefined ? undefined : hostPrefix(address);
};

export const workloadEndpoint: KindRow = {
  kind: "WorkloadEndpoint",
  aliases: ["workloadendpoints", "wep", "weps"],
  name: subdomainName,
  spec,
  madeName: (given) => {
    const made = nameFrom(given);
    return "name" in made ? made.name : undefined;
  },
  validate,
  columns: {
    NAME: nameCell,
    NAMESPACE: namespaceCell,
    WORKLOAD: (endpoint) => textAt(endpoint, "spec", "workload") || textAt(endpoint, "spec", "pod"),
    NODE: cell("spec", "node"),
    NETWORKS: joinedCell("spec", "ipNetworks"),
    INTERFACE: cell("spec", "interfaceName"),
    PROFILES: joinedCell("spec", "profiles"),
    NATS: (endpoint) =>
      listAt(endpoint, "spec", "ipNATs")
        .map((nat) => `{${at(nat as JsonObject, "internalIP")} ${at(nat as JsonObject, "externalIP")}}`)
        .join(","),
    ORCHESTRATOR: cell("spec", "orchestrator"),
  },
  narrow: ["WORKLOAD", "NODE", "NETWORKS", "INTERFACE"],
  wide: ["NAME", "WORKLOAD", "NODE", "NETWORKS", "INTERFACE", "PROFILES", "NATS"],
};
