/**
 * Stored objects to the view's projections. Tolerant where a field may be missing, strict where it is wrong: an object
 * that cannot be read gives a ProjectionError that names it and the field, and counts as gone for what is new.
 */
import { CodedError } from "../base/errors.ts";
import type { Json, JsonObject } from "../base/json.ts";
import { arrayOf, objectOf, textOf } from "../base/json-fields.ts";
import type { Asn } from "../bgp/message/types.ts";
import { addOffset, familyOf, tryParseAddress, tryParseIpv4, widthOf } from "../ip/address.ts";
import {
  formatPrefix,
  hostPrefix,
  type InterfaceAddress,
  type Prefix,
  prefixOf,
  tryParseInterfaceAddress,
  tryParsePrefix,
} from "../ip/prefix.ts";
import type { Stored } from "../port/store.ts";
import type { Labels } from "../selector/selector.ts";
import { vtepMac } from "./tunnels/vxlan.ts";
import type { Block, Borrowed, EncapsulationMode, Endpoint, Node, Origin, Pool } from "./view.ts";
import { isWorkloadDevice, workloadPrefixes } from "./workload-devices.ts";

export class ProjectionError extends CodedError<"unreadable", { object: string; field: string }> {}

export const originOf = ({ key, revision }: Stored): Origin => ({ ...key, revision });

export const describeOrigin = ({ kind, namespace, name }: Origin | Stored["key"]): string =>
  namespace === undefined ? `${kind}(${name})` : `${kind}(${namespace}/${name})`;

export function projectPool(stored: Stored): Pool {
  const spec = objectAt(stored.value, "spec");
  return {
    origin: originOf(stored),
    cidr: required(stored, "spec.cidr", prefixAt(spec, "cidr")),
    ipipMode: modeAt(stored, spec, "ipipMode"),
    vxlanMode: modeAt(stored, spec, "vxlanMode"),
    natOutgoing: spec["natOutgoing"] === true,
    disabled: spec["disabled"] === true,
    disableBgpExport: spec["disableBGPExport"] === true,
  };
}

export function projectNode(stored: Stored): Node {
  const spec = objectAt(stored.value, "spec");
  const bgp = objectAt(spec, "bgp");
  const { name } = stored.key;
  return {
    origin: originOf(stored),
    name,
    ipv4: optional(stored, "spec.bgp.ipv4Address", bgp["ipv4Address"], interfaceAddress),
    ipv6: optional(stored, "spec.bgp.ipv6Address", bgp["ipv6Address"], interfaceAddress),
    labels: labelsOf(stored.value),
    asn: asnAt(stored, "spec.bgp.asNumber", bgp["asNumber"]),
    clusterId: optional(stored, "spec.bgp.routeReflectorClusterID", bgp["routeReflectorClusterID"], tryParseIpv4),
    ipv4IpipTunnel: optional(stored, "spec.bgp.ipv4IPIPTunnelAddr", bgp["ipv4IPIPTunnelAddr"], tryParseAddress),
    ipv4VxlanTunnel: optional(stored, "spec.ipv4VXLANTunnelAddr", spec["ipv4VXLANTunnelAddr"], tryParseAddress),
    vxlanMac: optional(stored, "spec.vxlanTunnelMACAddr", spec["vxlanTunnelMACAddr"], mac) ?? vtepMac(name),
  };
}

function labelsOf(value: JsonObject): Labels {
  const labels = Object.entries(objectAt(objectAt(value, "metadata"), "labels"));
  return Object.fromEntries(labels.filter((entry): entry is [string, string] => typeof entry[1] === "string"));
}

/** An AS number that is set: 0 and the empty text are Calico's ways to leave it out. */
export function asnAt(stored: Stored, field: string, value: Json | undefined): Asn | undefined {
  if (value === undefined || value === null || value === "" || value === 0) return undefined;
  const asn = typeof value === "string" && /^\d{1,10}$/.test(value) ? Number(value) : value;
  return required(stored, field, typeof asn === "number" && asn > 0 && asn <= 0xffffffff ? asn : undefined);
}

/** An IPAMBlock: its owner, and the addresses that other nodes borrowed. */
export function projectBlock(stored: Stored): Block {
  const { value } = stored;
  const cidr = required(stored, "cidr", prefixAt(value, "cidr"));
  const affinity = stringAt(value, "affinity") ?? legacyAffinity(value);
  const owner = affinity?.startsWith("host:") ? affinity.slice("host:".length) : undefined;
  return { origin: originOf(stored), key: formatPrefix(cidr), cidr, owner, borrowed: borrowedOf(value, cidr, owner) };
}

function legacyAffinity(value: JsonObject): string | undefined {
  const host = stringAt(value, "hostAffinity");
  return host === undefined ? undefined : `host:${host}`;
}

function borrowedOf(value: JsonObject, cidr: Prefix, owner: string | undefined): readonly Borrowed[] {
  const users = arrayAt(value, "attributes").map((attribute) => objectAt(objectOf(attribute), "secondary"));
  const isForeign = users.map((user) => user["node"] !== owner && typeof user["node"] === "string");
  if (!isForeign.includes(true)) return [];
  const borrowed: Borrowed[] = [];
  for (const [ordinal, index] of arrayAt(value, "allocations").entries()) {
    if (typeof index !== "number" || !isForeign[index]) continue;
    const user = users[index] ?? {};
    borrowed.push({
      address: addOffset(cidr.address, ordinal),
      node: String(user["node"]),
      use: stringAt(user, "type"),
    });
  }
  return borrowed;
}

/** The node that a WorkloadEndpoint is on. */
export const nodeOfEndpoint = (stored: Stored): string =>
  required(stored, "spec.node", stringAt(objectAt(stored.value, "spec"), "node"));

/** A WorkloadEndpoint of this node. */
export function projectEndpoint(stored: Stored): Endpoint {
  const spec = objectAt(stored.value, "spec");
  const device = required(stored, "spec.interfaceName", stringAt(spec, "interfaceName"));
  if (!isWorkloadDevice(device)) throw foreignDevice(stored, device);
  const addresses = arrayAt(spec, "ipNetworks").map((text) =>
    required(stored, "spec.ipNetworks", typeof text === "string" ? hostNetwork(text) : undefined),
  );
  return { origin: originOf(stored), device, addresses, labels: labelsOf(stored.value) };
}

function foreignDevice(stored: Stored, device: string): ProjectionError {
  const object = describeOrigin(stored.key);
  const field = "spec.interfaceName";
  const text = `${object}: field ${field} is ${JSON.stringify(device)}, which is no pod's device: those begin with ${workloadPrefixes.join(" or ")}`;
  return new ProjectionError("unreadable", text, { object, field });
}

/** `10.0.0.5/32`, or a bare address: an endpoint has no others, which would take traffic away from whoever has them. */
function hostNetwork(text: string): Prefix | undefined {
  const bare = tryParseAddress(text);
  if (bare !== undefined) return hostPrefix(bare);
  const prefix = tryParsePrefix(text);
  return prefix && prefix.length === widthOf(familyOf(prefix.address)) ? prefix : undefined;
}

function interfaceAddress(text: string): InterfaceAddress | undefined {
  const bare = tryParseAddress(text);
  return bare === undefined ? tryParseInterfaceAddress(text) : hostPrefix(bare);
}

const mac = (text: string): string | undefined =>
  /^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$/.test(text) ? text.toLowerCase() : undefined;

const isMode = (value: Json | undefined): value is EncapsulationMode =>
  value === "Never" || value === "Always" || value === "CrossSubnet";

function modeAt(stored: Stored, spec: JsonObject, field: string): EncapsulationMode {
  const value = spec[field];
  if (value === undefined || value === "") return "Never";
  return required(stored, `spec.${field}`, isMode(value) ? value : undefined);
}

export const objectAt = (value: JsonObject, field: string): JsonObject => objectOf(value[field]);
export const arrayAt = (value: JsonObject, field: string): readonly Json[] => arrayOf(value[field]);
export const stringAt = (value: JsonObject, field: string): string | undefined => textOf(value[field]);

export function prefixAt(value: JsonObject, field: string): Prefix | undefined {
  const text = stringAt(value, field);
  const parsed = text === undefined ? undefined : tryParseInterfaceAddress(text);
  return parsed && prefixOf(parsed.address, parsed.length);
}

export function required<T>(stored: Stored, field: string, value: T | undefined): T {
  if (value !== undefined) return value;
  const object = describeOrigin(stored.key);
  throw new ProjectionError("unreadable", `${object}: field ${field} is missing or cannot be read`, { object, field });
}

export function optional<T extends object | string | number | bigint>(
  stored: Stored,
  field: string,
  value: Json | undefined,
  parse: (text: string) => T | undefined,
): T | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  return required(stored, field, typeof value === "string" ? parse(value) : undefined);
}
