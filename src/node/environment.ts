/**
 * What a node is told by its environment: calico-node's variables, read once into a value. Nothing here is looked up
 * anywhere else; a wrong value stops the start with every problem named.
 */
import { type Family, familyOf, type Ipv4, tryParseAddress, tryParseIpv4 } from "../ip/address.ts";
import {
  formatPrefix,
  hostPrefix,
  type InterfaceAddress,
  type Prefix,
  prefixOf,
  tryParseInterfaceAddress,
} from "../ip/prefix.ts";
import { parseSelector, SelectorError } from "../selector/parse.ts";
import { type AutodetectionMethod, FIRST_FOUND, parseMethod } from "./autodetection-method.ts";
import { EnvironmentReader, type Variables } from "./environment-reader.ts";
import { EnvironmentError } from "./errors.ts";

export type Backend = "bird" | "vxlan" | "none";
type PoolMode = "Never" | "Always" | "CrossSubnet";

/** `IP`, `IP6`. */
export type AddressSetting =
  /** Unset: what the Node has stays; IPv4 is detected when it has none. */
  | { readonly kind: "keep" }
  | { readonly kind: "autodetect" }
  /** No detection; what the Node has stays. */
  | { readonly kind: "none" }
  /** `hasLength`: given as a CIDR, so that no interface is asked for the prefix length. */
  | { readonly kind: "explicit"; readonly address: InterfaceAddress; readonly hasLength: boolean };

export interface PoolSetting {
  readonly family: Family;
  /** undefined: the default one. */
  readonly cidr: Prefix | "none" | undefined;
  readonly blockSize: number;
  readonly ipipMode: PoolMode;
  readonly vxlanMode: PoolMode;
  readonly natOutgoing: boolean;
  readonly nodeSelector: string;
  readonly disableBgpExport: boolean;
}

export interface NodeEnvironment {
  /** NODENAME. */
  readonly nodeName: string | undefined;
  /** HOSTNAME, lower case. */
  readonly hostname: string | undefined;
  readonly backend: Backend;
  readonly ip: AddressSetting;
  readonly ip6: AddressSetting;
  readonly ipMethod: AutodetectionMethod;
  readonly ip6Method: AutodetectionMethod;
  readonly pollIntervalMs: number;
  readonly disableNodeIpCheck: boolean;
  readonly noDefaultPools: boolean;
  readonly pool4: PoolSetting;
  readonly pool6: PoolSetting;
  readonly asNumber: number | undefined;
  /** CALICO_ROUTER_ID: an address, or `hash` to derive it from the node's name. */
  readonly routerId: Ipv4 | "hash" | undefined;
  readonly waitForDatastore: boolean;
  /** CLUSTER_TYPE, its parts. */
  readonly clusterTypes: readonly string[];
}

const poolModes: Readonly<Record<string, PoolMode>> = {
  Never: "Never",
  Off: "Never",
  CrossSubnet: "CrossSubnet",
  "Cross-Subnet": "CrossSubnet",
  Always: "Always",
};

/** Throws EnvironmentError with every wrong value. */
export function parseEnvironment(variables: Variables): NodeEnvironment {
  const reader = new EnvironmentReader(variables);
  const noDefaultPools = reader.boolean("NO_DEFAULT_POOLS", false);
  const environment: NodeEnvironment = {
    nodeName: nameAt(reader, "NODENAME"),
    hostname: nameAt(reader, "HOSTNAME")?.toLowerCase(),
    backend: reader.choice("CALICO_NETWORKING_BACKEND", { bird: "bird", vxlan: "vxlan", none: "none" }) ?? "bird",
    ip: addressAt(reader, "IP", 4),
    ip6: addressAt(reader, "IP6", 6),
    ipMethod: methodAt(reader, "IP_AUTODETECTION_METHOD"),
    ip6Method: methodAt(reader, "IP6_AUTODETECTION_METHOD"),
    pollIntervalMs: reader.duration("AUTODETECT_POLL_INTERVAL", 60_000),
    disableNodeIpCheck: reader.boolean("DISABLE_NODE_IP_CHECK", false),
    noDefaultPools,
    pool4: poolAt(reader, 4),
    pool6: poolAt(reader, 6),
    asNumber: reader.value("AS", "an AS number from 0 to 4294967295, or two halves as in 65000.1", parseAsNumber),
    routerId: reader.value("CALICO_ROUTER_ID", "an IPv4 address or the word hash", (text) =>
      text === "hash" ? text : tryParseIpv4(text),
    ),
    waitForDatastore: reader.boolean("WAIT_FOR_DATASTORE", false),
    clusterTypes: (reader.text("CLUSTER_TYPE") ?? "").split(",").filter((part) => part.trim() !== ""),
  };
  for (const variable of noDefaultPools ? ["CALICO_IPV4POOL_CIDR", "CALICO_IPV6POOL_CIDR"] : []) {
    if (reader.text(variable) !== undefined) reader.refuse(variable, "contradicts NO_DEFAULT_POOLS=true: unset one");
  }
  if (reader.problems.length > 0) throw new EnvironmentError(reader.problems);
  return environment;
}

const NAME = /^[a-zA-Z0-9]([-a-zA-Z0-9.]*[a-zA-Z0-9])?$/;

const nameAt = (reader: EnvironmentReader, variable: string): string | undefined =>
  reader.value(variable, "a host name: letters, digits, '-' and '.', at most 253 of them", (text) =>
    NAME.test(text) && text.length <= 253 ? text : undefined,
  );

function addressAt(reader: EnvironmentReader, variable: "IP" | "IP6", family: Family): AddressSetting {
  const words = { autodetect: { kind: "autodetect" }, none: { kind: "none" } } as const;
  const expected = `autodetect, none, or an IPv${family} address with or without its prefix length`;
  const setting = reader.value<AddressSetting>(variable, expected, (text) => {
    if (text === "autodetect" || text === "none") return words[text];
    const bare = tryParseAddress(text);
    const address = bare === undefined ? tryParseInterfaceAddress(text) : hostPrefix(bare);
    if (!address || familyOf(address.address) !== family) return undefined;
    return { kind: "explicit", address, hasLength: bare === undefined };
  });
  return setting ?? { kind: "keep" };
}

function methodAt(reader: EnvironmentReader, variable: string): AutodetectionMethod {
  const text = reader.text(variable);
  if (text === undefined) return FIRST_FOUND;
  const method = parseMethod(text);
  if ("kind" in method) return method;
  reader.refuse(variable, method.error);
  return FIRST_FOUND;
}

function poolAt(reader: EnvironmentReader, family: Family): PoolSetting {
  const name = (suffix: string): string => `CALICO_IPV${family}POOL_${suffix}`;
  const [low, high, standard] = family === 4 ? [20, 32, 26] : [116, 128, 122];
  const cidr = reader.value<Prefix | "none">(name("CIDR"), `an IPv${family} CIDR, or none`, (text) => {
    if (text === "none") return "none";
    const parsed = tryParseInterfaceAddress(text);
    return parsed && familyOf(parsed.address) === family ? prefixOf(parsed.address, parsed.length) : undefined;
  });
  const blockSize = reader.integer(name("BLOCK_SIZE"), low, high) ?? standard;
  const ipipMode = (family === 4 ? reader.choice(name("IPIP"), poolModes) : undefined) ?? "Never";
  const vxlanMode = reader.choice(name("VXLAN"), poolModes) ?? "Never";
  if (ipipMode !== "Never" && vxlanMode !== "Never") {
    reader.refuse(
      name("VXLAN"),
      `contradicts ${name("IPIP")}=${ipipMode}: a pool has one encapsulation, set one to Never`,
    );
  }
  if (cidr !== undefined && cidr !== "none" && cidr.length > blockSize) {
    reader.refuse(
      name("CIDR"),
      `is smaller than one block: ${formatPrefix(cidr)} needs ${name("BLOCK_SIZE")} of ${cidr.length} or more`,
    );
  }
  return {
    family,
    cidr,
    blockSize,
    ipipMode,
    vxlanMode,
    natOutgoing: reader.boolean(name("NAT_OUTGOING"), family === 4),
    nodeSelector: selectorAt(reader, name("NODE_SELECTOR")),
    disableBgpExport: reader.boolean(name("DISABLE_BGP_EXPORT"), false),
  };
}

function selectorAt(reader: EnvironmentReader, variable: string): string {
  const text = reader.text(variable);
  if (text === undefined) return "all()";
  try {
    parseSelector(text);
  } catch (failure) {
    if (!(failure instanceof SelectorError)) throw failure;
    reader.refuse(variable, `is not a selector: ${failure.message}`);
  }
  return text;
}

/** RFC 5396 asplain and asdot. */
function parseAsNumber(text: string): number | undefined {
  const match = /^(\d{1,10})(?:\.(\d{1,5}))?$/.exec(text);
  if (!match) return undefined;
  const [high = 0, low] = [Number(match[1]), match[2] === undefined ? undefined : Number(match[2])];
  if (low === undefined) return high <= 0xffffffff ? high : undefined;
  return high <= 0xffff && low <= 0xffff ? high * 65_536 + low : undefined;
}
