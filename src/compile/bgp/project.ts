/** Stored BGP resources to what sessions turn on; strict as the other projections are. */
import type { Json, JsonObject } from "../../base/json.ts";
import { objectOf } from "../../base/json-fields.ts";
import { type Family, familyOf, type IpAddress, tryParseAddress } from "../../ip/address.ts";
import { isHostPrefix, type Prefix } from "../../ip/prefix.ts";
import type { Stored } from "../../port/store.ts";
import { splitPeerAddress } from "../../resources/kinds/bgp-peer.ts";
import { goNanoseconds } from "../../resources/schema/go-duration.ts";
import { parseSelector, SelectorError } from "../../selector/parse.ts";
import { arrayAt, asnAt, objectAt, optional, originOf, prefixAt, required, stringAt } from "../project.ts";
import { parseCommunity } from "./community.ts";
import { filterTerm } from "./filter-terms.ts";
import type {
  Advertisement,
  BgpConfiguration,
  BgpFilter,
  BgpPeer,
  Community,
  PeerTarget,
  PeerUsers,
  SecretRef,
} from "./types.ts";

export function projectBgpConfiguration(stored: Stored): BgpConfiguration {
  const spec = objectAt(stored.value, "spec");
  const externalRanges = cidrsAt(stored, spec, "serviceExternalIPs");
  const loadBalancerRanges = cidrsAt(stored, spec, "serviceLoadBalancerIPs");
  const isAggregated = spec["serviceLoadBalancerAggregation"] !== "Disabled";
  const isWide = (range: Prefix): boolean => !isHostPrefix(range);
  return {
    origin: originOf(stored),
    isMeshEnabled: booleanAt(spec, "nodeToNodeMeshEnabled"),
    asn: asnAt(stored, "spec.asNumber", spec["asNumber"]),
    listenPort: numberAt(spec, "listenPort") || undefined,
    bindsNodeAddress: spec["bindMode"] === "NodeIP",
    meshPassword: secretAt(stored, spec, "nodeMeshPassword"),
    meshRestartSeconds: secondsAt(stored, spec, "nodeMeshMaxRestartTime"),
    advertisements: advertisementsAt(stored, spec),
    ignoredDevices: arrayAt(spec, "ignoredInterfaces").filter((pattern) => typeof pattern === "string"),
    serviceRanges: [
      ...cidrsAt(stored, spec, "serviceClusterIPs"),
      ...externalRanges.filter(isWide),
      ...(isAggregated ? loadBalancerRanges.filter(isWide) : []),
    ],
    loadBalancerRanges,
    normalPriority: {
      ...priorityAt(spec, 4, "ipv4NormalRoutePriority"),
      ...priorityAt(spec, 6, "ipv6NormalRoutePriority"),
    },
    workloadPeering: {
      ...peeringAt(stored, spec, 4, "localWorkloadPeeringIPV4"),
      ...peeringAt(stored, spec, 6, "localWorkloadPeeringIPV6"),
    },
  };
}

function priorityAt(spec: JsonObject, family: Family, field: string): Partial<Record<Family, number>> {
  const priority = numberAt(spec, field);
  return priority === undefined ? {} : { [family]: priority };
}

function peeringAt(
  stored: Stored,
  spec: JsonObject,
  family: Family,
  field: string,
): Partial<Record<Family, IpAddress>> {
  const address = optional(stored, `spec.${field}`, spec[field], tryParseAddress);
  if (address === undefined) return {};
  return { [family]: required(stored, `spec.${field}`, familyOf(address) === family ? address : undefined) };
}

function cidrsAt(stored: Stored, spec: JsonObject, field: string): readonly Prefix[] {
  return arrayAt(spec, field).map((item) => required(stored, `spec.${field}`, prefixAt(objectOf(item), "cidr")));
}

function advertisementsAt(stored: Stored, spec: JsonObject): readonly Advertisement[] | undefined {
  const list = arrayAt(spec, "prefixAdvertisements").map(objectOf);
  if (list.length === 0) return undefined;
  const named = new Map(arrayAt(spec, "communities").map((item) => [objectOf(item)["name"], objectOf(item)["value"]]));
  const field = "spec.prefixAdvertisements";
  const communityOf = (text: Json): Community => {
    const value = named.get(text) ?? text;
    return required(stored, field, typeof value === "string" ? parseCommunity(value) : undefined);
  };
  return list.map((item) => ({
    cidr: required(stored, field, prefixAt(item, "cidr")),
    communities: arrayAt(item, "communities").map(communityOf),
  }));
}

export function projectBgpPeer(stored: Stored): BgpPeer {
  const spec = objectAt(stored.value, "spec");
  const ttlSecurity = numberAt(spec, "ttlSecurity") ?? 0;
  return {
    origin: originOf(stored),
    name: stored.key.name,
    users: usersOf(stored, spec),
    target: targetOf(stored, spec),
    settings: {
      localAsn: asnAt(stored, "spec.localASNumber", spec["localASNumber"]),
      password: secretAt(stored, spec, "password"),
      usesNodeAddress: spec["sourceAddress"] !== "None",
      restartSeconds: secondsAt(stored, spec, "maxRestartTime"),
      keepaliveSeconds: secondsAt(stored, spec, "keepaliveTime"),
      ttlSecurityHops: ttlSecurity > 0 ? ttlSecurity : undefined,
      nextHop: nextHopOf(spec),
      allowedOwnAs: numberAt(spec, "numAllowedLocalASNumbers") ?? 0,
      filters: arrayAt(spec, "filters").filter((name) => typeof name === "string"),
    },
    reachableBy: optional(stored, "spec.reachableBy", spec["reachableBy"], tryParseAddress),
    isReversed: spec["reversePeering"] !== "Manual",
  };
}

function usersOf(stored: Stored, spec: JsonObject): PeerUsers {
  const node = stringAt(spec, "node");
  if (node !== undefined) return { kind: "node", name: node };
  const selector = selectorAt(stored, spec, "nodeSelector");
  return selector === undefined ? { kind: "all" } : { kind: "selector", selector };
}

function targetOf(stored: Stored, spec: JsonObject): PeerTarget {
  const workloads = selectorAt(stored, spec, "localWorkloadSelector");
  if (workloads !== undefined) {
    return { kind: "workloads", selector: workloads, asn: asnAt(stored, "spec.asNumber", spec["asNumber"]) };
  }
  const selector = selectorAt(stored, spec, "peerSelector");
  if (selector !== undefined) return { kind: "nodes", selector };
  const given = splitPeerAddress(stringAt(spec, "peerIP") ?? "");
  return {
    kind: "address",
    address: required(stored, "spec.peerIP", tryParseAddress(given?.address ?? "")),
    port: given?.port,
    asn: asnAt(stored, "spec.asNumber", spec["asNumber"]),
  };
}

function nextHopOf(spec: JsonObject): BgpPeer["settings"]["nextHop"] {
  switch (spec["nextHopMode"]) {
    case "Self":
      return "self";
    case "Keep":
      return "keep";
    case "Auto":
      return "normal";
    default:
      return spec["keepOriginalNextHop"] === true ? "keepExternal" : "normal";
  }
}

const filterLists = [
  ["import", 4, "importV4"],
  ["import", 6, "importV6"],
  ["export", 4, "exportV4"],
  ["export", 6, "exportV6"],
] as const;

export function projectBgpFilter(stored: Stored): BgpFilter {
  const spec = objectAt(stored.value, "spec");
  const terms = { import: { 4: [], 6: [] }, export: { 4: [], 6: [] } } as BgpFilterTerms;
  for (const [direction, family, list] of filterLists) {
    terms[direction][family] = arrayAt(spec, list).map((rule, index) => {
      const about = `rule ${index + 1} of ${list} of BGPFilter(${stored.key.name})`;
      return required(stored, `spec.${list}[${index}]`, filterTerm(objectOf(rule), family, about));
    });
  }
  return { origin: originOf(stored), name: stored.key.name, terms };
}

type BgpFilterTerms = { [D in keyof BgpFilter["terms"]]: { [F in Family]: BgpFilter["terms"][D][F] } };

function selectorAt(stored: Stored, spec: JsonObject, field: string): string | undefined {
  const text = stringAt(spec, field);
  return optional(stored, `spec.${field}`, text, (selector) => {
    try {
      parseSelector(selector);
      return selector;
    } catch (failure) {
      if (!(failure instanceof SelectorError)) throw failure;
      return undefined;
    }
  });
}

function secretAt(stored: Stored, spec: JsonObject, field: string): SecretRef | undefined {
  const ref = objectAt(objectAt(spec, field), "secretKeyRef");
  const name = stringAt(ref, "name");
  const key = stringAt(ref, "key");
  if (name === undefined && key === undefined) return undefined;
  return { name: required(stored, `spec.${field}`, name), key: required(stored, `spec.${field}`, key) };
}

/** Whole seconds of a Go duration. */
function secondsAt(stored: Stored, spec: JsonObject, field: string): number | undefined {
  return optional(stored, `spec.${field}`, spec[field], (text) => {
    const nanoseconds = goNanoseconds(text);
    return nanoseconds === undefined ? undefined : Math.round(Number(nanoseconds) / 1e9);
  });
}

function numberAt(spec: JsonObject, field: string): number | undefined {
  const value = spec[field];
  return typeof value === "number" ? value : undefined;
}

function booleanAt(spec: JsonObject, field: string): boolean | undefined {
  const value = spec[field];
  return typeof value === "boolean" ? value : undefined;
}
