/**
 * The objects that a cluster needs and the first node makes (calico-node's `startup`, 3.32). Every function is a change
 * of one object for `ensure`: run by fifty nodes at once, each gives the same object, and what a user set stays.
 */
import type { Json, JsonObject } from "../base/json.ts";
import { specOf, textOf } from "../base/json-fields.ts";
import { familyOf } from "../ip/address.ts";
import {
  contains,
  formatPrefix,
  type InterfaceAddress,
  type Prefix,
  parsePrefix,
  tryParseInterfaceAddress,
} from "../ip/prefix.ts";
import type { Stored } from "../port/store.ts";
import type { BuiltInTier } from "../resources/kinds/tier.ts";
import type { PoolSetting } from "./environment.ts";
import { newObject, type Stamp, withSpec } from "./objects.ts";

type Change = (current: JsonObject | undefined) => JsonObject | undefined;

/** Fields of the spec that nobody has set yet. */
const fill =
  (kind: string, name: string, stamp: Stamp, fields: Readonly<Record<string, Json>>): Change =>
  (current) => {
    if (!current) return newObject(kind, name, fields, stamp);
    const spec = specOf(current);
    const missing = Object.entries(fields).filter(([field]) => spec[field] === undefined || spec[field] === "");
    return missing.length === 0 ? current : withSpec(current, Object.fromEntries(missing));
  };

export interface ClusterFacts {
  /** The release that runs. */
  readonly version: string;
  readonly types: readonly string[];
}

/** The identity of the cluster is made once; the version is the last node's that started, types accumulate. */
export const clusterInformation =
  ({ version, types }: ClusterFacts, stamp: Stamp): Change =>
  (current) => {
    const base = current ?? newObject("ClusterInformation", "default", {}, stamp);
    const spec = specOf(base);
    const known = (textOf(spec["clusterType"]) ?? "").split(",").filter(Boolean);
    const clusterType = [...known, ...types.filter((type) => !known.includes(type))].join(",");
    const changes = {
      clusterGUID: textOf(spec["clusterGUID"]) ?? stamp.newUid().replaceAll("-", ""),
      clusterType: clusterType === "" ? undefined : clusterType,
      calicoVersion: version,
      datastoreReady: typeof spec["datastoreReady"] === "boolean" ? spec["datastoreReady"] : true,
    };
    const isSame = Object.entries(changes).every(([field, value]) => (spec[field] ?? undefined) === value);
    return isSame && current ? current : withSpec(base, changes);
  };

export const felixDefaults = (stamp: Stamp): Change =>
  fill("FelixConfiguration", "default", stamp, { reportingInterval: "0s", logSeverityScreen: "Info" });

/** Pods reach services on their host, which the host's own rules may still forbid. */
export const felixOfNode = (node: string, stamp: Stamp): Change =>
  fill("FelixConfiguration", `node.${node}`, stamp, { defaultEndpointToHostAction: "Return" });

export const bgpDefaults = (stamp: Stamp): Change => fill("BGPConfiguration", "default", stamp, {});

/** Policies are in tiers, and three of those are always there. */
export const builtInTier =
  ({ name, order, defaultAction }: BuiltInTier, stamp: Stamp): Change =>
  (current) =>
    current ?? newObject("Tier", name, { order, defaultAction }, stamp);

/** A record of address management, not a v3 object; one that is there stays as it is. */
export const ipamDefaults: Change = (current) =>
  current ?? { strict_affinity: false, auto_allocate_blocks: true, maxBlocksPerHost: 0 };

const defaultPoolName = { 4: "default-ipv4-ippool", 6: "default-ipv6-ippool" } as const;

const PREFERRED = parsePrefix("192.168.0.0/16");
const FALLBACKS = Array.from({ length: 16 }, (_, index) => parsePrefix(`172.${16 + index}.0.0/16`));

/** The default CIDR: the first that holds no address of this host; the preferred one where all do. */
const freePoolCidr = (hostAddresses: readonly InterfaceAddress[]): Prefix =>
  [PREFERRED, ...FALLBACKS].find((cidr) => !hostAddresses.some(({ address }) => contains(cidr, address))) ?? PREFERRED;

/**
 * The default pool of a family; undefined when a pool of the family is there or none is wanted. An IPv6 pool is made
 * only where a CIDR is given for it.
 */
export function defaultPool(
  pools: readonly Stored[],
  setting: PoolSetting,
  hostAddresses: readonly InterfaceAddress[],
  stamp: Stamp,
): JsonObject | undefined {
  const { family, cidr } = setting;
  if (cidr === "none" || (cidr === undefined && family === 6)) return undefined;
  const isPresent = pools.some(({ value }) => {
    const other = tryParseInterfaceAddress(textOf(specOf(value)["cidr"]) ?? "");
    return other !== undefined && familyOf(other.address) === family;
  });
  if (isPresent) return undefined;
  const spec = {
    cidr: formatPrefix(cidr ?? freePoolCidr(hostAddresses)),
    vxlanMode: setting.vxlanMode,
    ipipMode: setting.ipipMode,
    natOutgoing: setting.natOutgoing,
    nodeSelector: setting.nodeSelector,
    blockSize: setting.blockSize,
    allowedUses: ["Workload", "Tunnel"],
    assignmentMode: "Automatic",
    ...(setting.disableBgpExport ? { disableBGPExport: true } : {}),
  };
  return newObject("IPPool", defaultPoolName[family], spec, stamp);
}
