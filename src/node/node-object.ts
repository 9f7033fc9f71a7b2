/** What a node writes about itself into its Node resource. Everything else in it is others' and stays. */
import { goPattern } from "../base/go-pattern.ts";
import type { Json, JsonObject } from "../base/json.ts";
import { arrayOf, objectOf, specOf, textOf } from "../base/json-fields.ts";
import { type Family, familyOf, formatAddress, type IpAddress } from "../ip/address.ts";
import { formatPrefix } from "../ip/prefix.ts";
import type { HostInterface } from "../port/host-facts.ts";
import { defaultExcludes } from "./autodetection.ts";
import type { Backend } from "./environment.ts";
import type { NodeAddresses } from "./node-address.ts";
import { newObject, type Stamp, withFields, withSpec } from "./objects.ts";

export interface NodeFacts {
  readonly name: string;
  readonly backend: Backend;
  readonly addresses: NodeAddresses;
  readonly asNumber: number | undefined;
  readonly interfaces: readonly HostInterface[];
}

export const bgpField = { 4: "ipv4Address", 6: "ipv6Address" } as const;

/** The Node with these facts, the very same value when it says them already. */
export function nodeObject(current: JsonObject | undefined, facts: NodeFacts, stamp: Stamp): JsonObject {
  const base = current ?? newObject("Node", facts.name, {}, stamp);
  const { ipv4, ipv6 } = facts.addresses;
  const spec = specOf(base);
  const bgp = withFields(objectOf(spec["bgp"]), {
    ...(ipv4 ? { ipv4Address: formatPrefix(ipv4.advertised) } : {}),
    ...(ipv6 ? { ipv6Address: formatPrefix(ipv6.advertised) } : {}),
    ...(facts.asNumber === undefined ? {} : { asNumber: facts.asNumber }),
  });
  const next = withSpec(base, {
    ...(facts.backend === "none" || Object.keys(bgp).length === 0 ? {} : { bgp }),
    addresses: addressList(spec, facts.addresses),
    interfaces: interfaceList(facts),
  });
  return current !== undefined && sameJson(current, next) ? current : next;
}

/** The Node without an address that it turned out to share with another. */
export function withoutAddress(current: JsonObject, family: Family): JsonObject {
  const spec = specOf(current);
  const bgp = objectOf(spec["bgp"]);
  if (bgp[bgpField[family]] === undefined) return current;
  const rest = withFields(bgp, { [bgpField[family]]: undefined });
  return withSpec(current, { bgp: Object.keys(rest).length === 0 ? undefined : rest });
}

export type TunnelKind = "ipip" | "vxlan";

/** What the Node says a tunnel's address is, unread. */
export function tunnelAddressText(value: JsonObject | undefined, kind: TunnelKind): string | undefined {
  const spec = specOf(value);
  return textOf(kind === "ipip" ? objectOf(spec["bgp"])["ipv4IPIPTunnelAddr"] : spec["ipv4VXLANTunnelAddr"]);
}

/** The Node with these tunnel addresses: undefined takes one out, a kind that is left out stays. The same value when nothing changes. */
export function withTunnelAddresses(
  current: JsonObject,
  addresses: ReadonlyMap<TunnelKind, IpAddress | undefined>,
): JsonObject {
  let next = current;
  for (const [kind, address] of addresses) {
    const text = address === undefined ? undefined : formatAddress(address);
    if (tunnelAddressText(next, kind) === text) continue;
    if (kind === "vxlan") {
      next = withSpec(next, { ipv4VXLANTunnelAddr: text });
      continue;
    }
    const bgp = withFields(objectOf(specOf(next)["bgp"]), { ipv4IPIPTunnelAddr: text });
    next = withSpec(next, { bgp: Object.keys(bgp).length === 0 ? undefined : bgp });
  }
  return next;
}

const CALICO_NODE_IP = "CalicoNodeIP";

/** Calico's own addresses of the node replaced, others' kept; undefined for an empty list. */
function addressList(spec: JsonObject, { ipv4, ipv6 }: NodeAddresses): Json | undefined {
  const others = arrayOf(spec["addresses"]).filter((entry) => objectOf(entry)["type"] !== CALICO_NODE_IP);
  const own = [ipv4, ipv6].flatMap((family) =>
    family ? [{ address: formatPrefix(family.advertised), type: CALICO_NODE_IP }] : [],
  );
  const list = [...own, ...others];
  return list.length > 0 ? list : undefined;
}

/** Interfaces that other nodes may meet, by name, with their addresses of the families in use. */
function interfaceList({ interfaces, addresses }: NodeFacts): Json | undefined {
  const families: readonly Family[] = [
    ...(addresses.ipv4 ? [4 as const] : []),
    ...(addresses.ipv6 ? [6 as const] : []),
  ];
  const excludes = defaultExcludes.map(goPattern);
  const list = interfaces
    .filter(({ name }) => !excludes.some((pattern) => pattern.test(name)))
    .map(({ name, addresses: own }) => ({
      name,
      addresses: own
        .filter(({ address }) => families.includes(familyOf(address)))
        .map(({ address }) => formatAddress(address)),
    }))
    .filter((entry) => entry.addresses.length > 0)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return list.length > 0 ? list : undefined;
}

/** Equal content; the order of fields does not matter. */
function sameJson(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true;
  if (Array.isArray(a) || Array.isArray(b)) {
    const [left, right] = [arrayOf(a), arrayOf(b)];
    return (
      Array.isArray(a) &&
      Array.isArray(b) &&
      left.length === right.length &&
      left.every((item, at) => sameJson(item, right[at]))
    );
  }
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  const [left, right] = [objectOf(a), objectOf(b)];
  const fields = Object.keys(left);
  return (
    fields.length === Object.keys(right).length &&
    fields.every((field) => Object.hasOwn(right, field) && sameJson(left[field], right[field]))
  );
}
