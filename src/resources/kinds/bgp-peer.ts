/** BGPPeer: sessions beside the mesh. */
import type { JsonObject } from "../../base/json.ts";
import { tryParseAddress } from "../../ip/address.ts";
import { subdomainName } from "../names.ts";
import {
  asNumber,
  duration,
  integerFrom,
  ipAddress,
  listOf,
  nodeName,
  object,
  oneOf,
  optional,
  plainFlag,
  selector,
  text,
  textWhere,
} from "../schema/fields.ts";
import { password } from "./bgp-configuration.ts";
import { cell, type KindRow, nameCell, objectAt, type Report, textAt } from "./kind.ts";

/** The address and port of a peer: `ip`, `ipv4:port` or `[ip]:port`. */
export function splitPeerAddress(given: string): { readonly address: string; readonly port?: number } | undefined {
  if (tryParseAddress(given) !== undefined) return { address: given };
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(given);
  const address = match?.[1] ?? match?.[2] ?? "";
  const port = Number(match?.[3]);
  return tryParseAddress(address) === undefined || !(port >= 1 && port <= 65535) ? undefined : { address, port };
}

const spec = object({
  node: optional(nodeName),
  nodeSelector: optional(selector),
  peerIP: optional(
    textWhere((given) =>
      splitPeerAddress(given)
        ? undefined
        : { reason: "invalid peer address", remedy: "write an address, IPv4:PORT or [IPv6]:PORT" },
    ),
  ),
  asNumber: optional(asNumber),
  localASNumber: optional(asNumber),
  peerSelector: optional(selector),
  keepOriginalNextHop: optional(plainFlag),
  password: optional(password),
  sourceAddress: optional(oneOf(["UseNodeIP", "None"])),
  maxRestartTime: optional(duration),
  numAllowedLocalASNumbers: optional(integerFrom(0, 2147483647)),
  ttlSecurity: optional(integerFrom(0, 255)),
  reachableBy: optional(ipAddress()),
  filters: optional(listOf(text)),
  localWorkloadSelector: optional(selector),
  nextHopMode: optional(oneOf(["Auto", "Self", "Keep"])),
  reversePeering: optional(oneOf(["Auto", "Manual"])),
  keepaliveTime: optional(duration),
});

function validate(peer: JsonObject, report: Report): void {
  const given = objectAt(peer, "spec");
  const has = (field: string) => given[field] !== undefined && given[field] !== "" && given[field] !== 0;
  const refuse = (field: string, reason: string) => report({ path: ["spec", field], value: given[field], reason });
  const exclude = (field: string, other: string) => {
    if (has(field) && has(other))
      refuse(field, `${names[field]} field must be empty when ${names[other]} is specified`);
  };
  exclude("node", "nodeSelector");
  exclude("peerIP", "peerSelector");
  exclude("asNumber", "peerSelector");
  exclude("peerIP", "localWorkloadSelector");
  exclude("peerSelector", "localWorkloadSelector");
  exclude("keepOriginalNextHop", "nextHopMode");
  if (has("peerIP") && !has("asNumber")) refuse("asNumber", "ASNumber field must be set when PeerIP is specified");
  if (has("localWorkloadSelector") && !has("asNumber"))
    refuse("asNumber", "ASNumber field must be set when LocalWorkloadSelector is specified");
  if (!has("reachableBy")) return;
  const peerIp = splitPeerAddress(textAt(given, "peerIP"))?.address;
  if (peerIp === undefined) refuse("reachableBy", "ReachableBy field must be empty when PeerIP is empty");
  else if (peerIp.includes(":") !== textAt(given, "reachableBy").includes(":"))
    refuse("reachableBy", "ReachableBy must be of the same address family as PeerIP");
}

const names: Readonly<Record<string, string>> = {
  node: "Node",
  nodeSelector: "NodeSelector",
  peerIP: "PeerIP",
  peerSelector: "PeerSelector",
  asNumber: "ASNumber",
  localWorkloadSelector: "LocalWorkloadSelector",
  keepOriginalNextHop: "KeepOriginalNextHop",
  nextHopMode: "NextHopMode",
};

/** As in Calico (control plane 6.2): what each sort of peer takes no notice of. */
const withPods = { why: "sessions with pods go by AS numbers and filters alone", beside: ["localWorkloadSelector"] };
const withSelectors = {
  why: "it counts with peerIP only",
  beside: ["peerSelector", "localWorkloadSelector"],
};

export const bgpPeer: KindRow = {
  kind: "BGPPeer",
  aliases: ["bgppeers", "bgpp", "bgpps", "bp", "bps"],
  name: subdomainName,
  spec,
  validate,
  notEnforcedFields: {
    localASNumber: { ...withSelectors, beside: ["peerSelector"] },
    numAllowedLocalASNumbers: withSelectors,
    password: withPods,
    keepaliveTime: withPods,
    maxRestartTime: withPods,
    ttlSecurity: withPods,
    nextHopMode: withPods,
    sourceAddress: withPods,
  },
  columns: {
    NAME: nameCell,
    PEERIP: cell("spec", "peerIP"),
    NODE: (peer) => textAt(peer, "spec", "node") || textAt(peer, "spec", "nodeSelector") || "(global)",
    ASN: (peer) => cell("spec", "asNumber")(peer, { asNumber: "" }) || "0",
  },
  narrow: ["NAME", "PEERIP", "NODE", "ASN"],
  wide: ["NAME", "PEERIP", "NODE", "ASN"],
};
