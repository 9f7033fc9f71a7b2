/** Asks the host for what address detection turns on, and resolves the node's addresses of both families. */
import { messageOf } from "../base/errors.ts";
import type { JsonObject } from "../base/json.ts";
import { objectOf, specOf } from "../base/json-fields.ts";
import type { Family, IpAddress } from "../ip/address.ts";
import type { HostInterface, Reachability } from "../port/host-facts.ts";
import { detect } from "./autodetection.ts";
import type { AutodetectionMethod } from "./autodetection-method.ts";
import type { AddressSetting, NodeEnvironment } from "./environment.ts";
import { NodeStartError } from "./errors.ts";
import { type FamilyAddresses, type NodeAddresses, readStoredAddress, resolveAddress } from "./node-address.ts";
import { bgpField } from "./node-object.ts";

export interface DetectionSources {
  readonly environment: Pick<NodeEnvironment, "backend" | "ip" | "ip6" | "ipMethod" | "ip6Method">;
  readonly interfaces: readonly HostInterface[];
  readonly reachability: Reachability;
  /** The Node resource as stored; undefined where there is none yet, or no store. */
  readonly node: JsonObject | undefined;
}

/**
 * Throws NodeStartError `noAddress` when the backend needs an address and none is set, stored or found. With backend
 * `none` the node has none, as in Calico: it carries nothing.
 */
export async function detectAddresses(sources: DetectionSources): Promise<NodeAddresses> {
  const { backend, ip, ip6, ipMethod, ip6Method } = sources.environment;
  if (backend === "none") return { ipv4: undefined, ipv6: undefined };
  const ipv4 = await ofFamily(4, ip, ipMethod, sources);
  const ipv6 = await ofFamily(6, ip6, ip6Method, sources);
  if (ipv4 || ipv6) return { ipv4, ipv6 };
  const message = `backend ${backend} needs an address of the node, and detection is off (IP=none) with none set before: set IP to autodetect or an address`;
  throw new NodeStartError("noAddress", message, { subject: "IP" });
}

async function ofFamily(
  family: Family,
  setting: AddressSetting,
  method: AutodetectionMethod,
  { node, interfaces, reachability }: DetectionSources,
): Promise<FamilyAddresses | undefined> {
  const stored = readStoredAddress(objectOf(specOf(node)["bgp"])[bgpField[family]], family);
  if (family === 6 && setting.kind !== "autodetect" && setting.kind !== "explicit" && !stored) return undefined;
  const { reached, unreachable } = await reach(family, method, reachability);
  const detection = detect(method, family, interfaces, reached);
  return resolveAddress({ family, setting, method, stored, interfaces, detection, unreachable });
}

async function reach(
  family: Family,
  method: AutodetectionMethod,
  reachability: Reachability,
): Promise<{ readonly reached?: IpAddress; readonly unreachable?: string }> {
  if (method.kind !== "can-reach") return {};
  try {
    return { reached: await reachability.sourceTowards(method.destination, family) };
  } catch (failure) {
    return { unreachable: `${method.destination} cannot be reached over IPv${family}: ${messageOf(failure)}` };
  }
}
