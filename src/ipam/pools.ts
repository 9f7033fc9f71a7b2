/**
 * Which pools an assignment may use: the rules of Calico's AutoAssign before any block is looked at. Pure; reads
 * IPPool objects as stored, whoever wrote them.
 */

import type { Json, JsonObject } from "../base/json.ts";
import { objectOf, textOf } from "../base/json-fields.ts";
import type { Family, IpAddress } from "../ip/address.ts";
import {
  contains,
  formatPrefix,
  type Prefix,
  prefixFamily,
  tryParseInterfaceAddress,
  tryParsePrefix,
} from "../ip/prefix.ts";
import type { SelectorMatcher } from "../selector/matcher.ts";
import type { Labels } from "../selector/selector.ts";
import type { Reserved } from "./block.ts";
import type { BlockSpace } from "./block-walk.ts";
import { IpamError } from "./errors.ts";

export type AllowedUse = "Workload" | "Tunnel" | "LoadBalancer";
type EncapsulationMode = "Never" | "Always" | "CrossSubnet";

export interface Pool extends BlockSpace {
  readonly name: string;
  readonly family: Family;
  /** May be assigned from at all. */
  readonly isEnabled: boolean;
  /** Used only where it is asked for. */
  readonly isManual: boolean;
  readonly nodeSelector: string;
  readonly namespaceSelector: string | undefined;
  readonly allowedUses: readonly AllowedUse[];
  readonly ipipMode: EncapsulationMode;
  readonly vxlanMode: EncapsulationMode;
}

const objectAt = (value: JsonObject, field: string): JsonObject => objectOf(value[field]);

const isUse = (use: Json): use is AllowedUse => use === "Workload" || use === "Tunnel" || use === "LoadBalancer";

const modeOf = (value: Json | undefined): EncapsulationMode =>
  value === "Always" || value === "CrossSubnet" ? value : "Never";

/** A stored IPPool; undefined when its CIDR cannot be read, since nothing can be assigned from it. */
export function readPool(value: JsonObject): Pool | undefined {
  const metadata = objectAt(value, "metadata");
  const spec = objectAt(value, "spec");
  const cidr = tryParsePrefix(String(spec["cidr"]));
  if (!cidr) return undefined;
  const family = prefixFamily(cidr);
  const uses = Array.isArray(spec["allowedUses"]) ? spec["allowedUses"].filter(isUse) : [];
  const conditions = objectAt(value, "status")["conditions"];
  const refused =
    Array.isArray(conditions) &&
    conditions.some((item: Json) => {
      const condition = item as JsonObject | null;
      return condition?.["type"] === "Allocatable" && condition["status"] === "False";
    });
  return {
    name: textOf(metadata["name"]) ?? formatPrefix(cidr),
    cidr,
    family,
    blockSize: typeof spec["blockSize"] === "number" ? spec["blockSize"] : family === 4 ? 26 : 122,
    isEnabled: spec["disabled"] !== true && metadata["deletionTimestamp"] === undefined && !refused,
    isManual: spec["assignmentMode"] === "Manual",
    nodeSelector: textOf(spec["nodeSelector"]) ?? "all()",
    namespaceSelector: textOf(spec["namespaceSelector"]),
    allowedUses: uses.length > 0 ? uses : ["Workload", "Tunnel"],
    ipipMode: modeOf(spec["ipipMode"]),
    vxlanMode: modeOf(spec["vxlanMode"]),
  };
}

export interface PoolQuery {
  readonly family: Family;
  readonly use: AllowedUse;
  /** The node for messages, and its labels; undefined labels for owners that are no node. */
  readonly node: { readonly name: string; readonly labels: Labels | undefined };
  /** Labels of the pod's namespace, where pods have one. */
  readonly namespaceLabels?: Labels | undefined;
  /** Asked for by name or CIDR, in this order; selectors and assignment mode then do not count. */
  readonly requested?: readonly string[] | undefined;
}

/** Whether a pool's selectors take this node and namespace. */
export function selects(
  pool: Pool,
  query: Pick<PoolQuery, "node" | "namespaceLabels">,
  matches: SelectorMatcher,
): boolean {
  const labels = query.node.labels;
  if (labels !== undefined && !matches(pool.nodeSelector, labels)) return false;
  return pool.namespaceSelector === undefined || matches(pool.namespaceSelector, query.namespaceLabels ?? {});
}

/**
 * The pools to assign from, in order. Throws IpamError `poolNotEnabled`, `noPools` or `noQualifiedPool` with the
 * text that Calico gives, since people search for it.
 */
export function qualifiedPools(pools: readonly Pool[], query: PoolQuery, matches: SelectorMatcher): readonly Pool[] {
  const enabled = pools
    .filter((pool) => pool.isEnabled && pool.family === query.family)
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  const chosen = query.requested?.length
    ? query.requested.map((wanted) => requestedPool(enabled, pools, wanted))
    : enabled.filter((pool) => !pool.isManual && selects(pool, query, matches));
  if (chosen.length === 0) {
    const subject = query.node.name;
    throw new IpamError(
      "noPools",
      `no configured Calico pools for node ${subject}: no enabled IPv${query.family} pool selects it; create one or check nodeSelector and disabled of the existing ones`,
      { subject },
    );
  }
  const fit = chosen.filter((pool) => pool.allowedUses.includes(query.use));
  if (fit.length > 0) return fit;
  throw new IpamError(
    "noQualifiedPool",
    `cannot find a qualified ippool, no pools match the required use (${query.use}); add it to allowedUses of ${chosen.map((pool) => pool.name).join(", ")}`,
    { subject: query.use },
  );
}

function requestedPool(enabled: readonly Pool[], all: readonly Pool[], wanted: string): Pool {
  const named = (pool: Pool): boolean => pool.name === wanted || formatPrefix(pool.cidr) === wanted;
  const pool = enabled.find(named);
  if (pool) return pool;
  const disabled = all.find(named);
  const why = disabled ? `IPPool ${disabled.name} is disabled or being deleted` : "no IPPool has that CIDR or name";
  throw new IpamError("poolNotEnabled", `the given pool (${wanted}) does not exist, or is not enabled: ${why}`, {
    subject: wanted,
  });
}

/** The pool that an address belongs to, enabled or not: the one with the longest prefix. */
export const poolOf = (pools: readonly Pool[], address: IpAddress): Pool | undefined =>
  pools
    .filter((pool) => contains(pool.cidr, address))
    .reduce<Pool | undefined>((best, pool) => (best && best.cidr.length >= pool.cidr.length ? best : pool), undefined);

/** The pool that a block was cut from. */
export const poolOfBlock = (pools: readonly Pool[], block: Prefix): Pool | undefined => poolOf(pools, block.address);

/** The union of all IPReservation objects; entries that are no CIDR or address are passed over. */
export function readReservations(values: readonly JsonObject[]): Reserved {
  const ranges = values.flatMap((value) => {
    const cidrs = objectAt(value, "spec")["reservedCIDRs"];
    return (Array.isArray(cidrs) ? cidrs : []).flatMap((text: Json) => {
      const entry = String(text);
      return (
        tryParseInterfaceAddress(entry) ?? tryParseInterfaceAddress(`${entry}/${entry.includes(":") ? 128 : 32}`) ?? []
      );
    });
  });
  if (ranges.length === 0) return () => false;
  return (address) => ranges.some((range) => contains(range, address));
}
