/**
 * The network configuration that a call brings on standard input: Calico's fields, read and checked. What is wrong is
 * named with its field, what was found, and what would be right.
 */
import { type Json, type JsonObject, parseJson } from "../base/json.ts";
import { isObject } from "../base/json-fields.ts";
import { tryParseAddress } from "../ip/address.ts";
import { tryParsePrefix } from "../ip/prefix.ts";
import { Fields, shownJson } from "./config-fields.ts";
import { CniError, ErrorCode } from "./errors.ts";
import { type CniVersion, DEFAULT_VERSION, isSupportedVersion, SUPPORTED_VERSIONS } from "./versions.ts";

export interface LogSettings {
  readonly level: "debug" | "info" | "error";
  /** Empty: none. */
  readonly path: string;
  readonly maxSizeMegabytes: number;
  readonly maxAgeDays: number;
  readonly maxCount: number;
}

export interface NetworkConfig {
  readonly cniVersion: CniVersion;
  /** Of the network; part of every IPAM handle. */
  readonly name: string;
  /** Node named here; must be the agent's. Empty: none. */
  readonly nodeName: string;
  /** Octets; 0: the agent's choice. */
  readonly mtu: number;
  readonly usesKubernetesPolicy: boolean;
  readonly assignIpv4: boolean;
  readonly assignIpv6: boolean;
  /** CIDRs or names of pools. */
  readonly ipv4Pools: readonly string[];
  readonly ipv6Pools: readonly string[];
  readonly allowIpForwarding: boolean;
  readonly log: LogSettings;
  /** Labels for the endpoint, from the conventional `args.cni.labels`. */
  readonly labels: Readonly<Record<string, string>>;
  /** CHECK: the result of ADD, as it was given. */
  readonly prevResult: JsonObject | undefined;
  /** GC: what the runtime still has; undefined where it does not say. */
  readonly validAttachments: readonly { readonly containerId: string; readonly ifName: string }[] | undefined;
}

/** Lowest MTU that IPv4 guarantees and highest that a frame can have. */
const MIN_MTU = 68;
const MAX_MTU = 65535;

/** Throws CniError: 6 for what is no JSON object, 1 for a version we do not speak, 7 and 2 for wrong fields, all of them named. */
export function readConfig(stdin: string, requiresIpam: boolean): NetworkConfig {
  const value = parse(stdin);
  const cniVersion = readVersion(value);
  const fields = new Fields(value);
  const ipam = fields.object("ipam");
  const name = fields.text("name");
  if (name === "" || !/^[a-zA-Z0-9_.-]+$/.test(name)) {
    fields.wrong("name", value["name"], "letters, digits, '_', '.' and '-' (CNI: the network's name)");
  }
  if (requiresIpam) checkIpam(value, ipam);
  checkUnsupported(fields);
  const policy = fields.object("policy");
  const policyType = policy.text("type");
  if (policyType !== "" && policyType !== "k8s") policy.wrong("type", policyType, "'k8s' or nothing");
  const config: NetworkConfig = {
    cniVersion,
    name,
    nodeName: fields.text("nodename"),
    mtu: readMtu(fields),
    usesKubernetesPolicy: policyType === "k8s",
    assignIpv4: ipam.flagText("assign_ipv4") !== "false",
    assignIpv6: ipam.flagText("assign_ipv6") === "true",
    ipv4Pools: readPools(ipam, "ipv4_pools", 4),
    ipv6Pools: readPools(ipam, "ipv6_pools", 6),
    allowIpForwarding: fields.object("container_settings").boolean("allow_ip_forwarding"),
    log: readLog(fields),
    labels: readLabels(fields.object("args").object("cni")),
    prevResult: isObject(value["prevResult"]) ? value["prevResult"] : undefined,
    validAttachments: readAttachments(value["cni.dev/valid-attachments"]),
  };
  if (requiresIpam && !config.assignIpv4 && !config.assignIpv6) {
    ipam.wrong("assign_ipv4", "false", "'true', or assign_ipv6 'true': a pod needs an address");
  }
  fields.finish();
  return config;
}

function parse(stdin: string): JsonObject {
  let value: Json;
  try {
    value = parseJson(stdin);
  } catch (failure) {
    const remedy = "the runtime hands over one plugin's part of /etc/cni/net.d/10-calico.conflist: check that file";
    const message = `the network configuration on standard input is no JSON: ${(failure as Error).message}`;
    throw new CniError(ErrorCode.badContent, message, remedy, { cause: failure });
  }
  if (isObject(value)) return value;
  throw new CniError(ErrorCode.badContent, "the network configuration on standard input is no JSON object");
}

/** The version a configuration names, before anything else of it is believed. Throws CniError 1. */
export function readVersion(value: JsonObject): CniVersion {
  const version = value["cniVersion"];
  if (version === undefined || version === "") return DEFAULT_VERSION;
  if (typeof version === "string" && isSupportedVersion(version)) return version;
  const message = `unsupported CNI version ${shownJson(version)} in cniVersion`;
  throw new CniError(ErrorCode.incompatibleVersion, message, `supported: ${SUPPORTED_VERSIONS.join(", ")}`);
}

function checkIpam(value: JsonObject, ipam: Fields): void {
  const type = ipam.text("type");
  if (type === "calico-ipam") return;
  const found = value["ipam"] === undefined ? "no ipam section" : `'${type}'`;
  ipam.wrong("type", type, `'calico-ipam' (${found} here): addresses come from IPPools, no other IPAM plugin is run`);
}

/** Fields that would change what happens, and that we do not honour. */
function checkUnsupported(fields: Fields): void {
  if (fields.has("dataplane_options")) fields.unsupported("dataplane_options", "the dataplane is always the kernel's");
  const device = fields.text("device_type");
  if (!["", "veth", "netkit"].includes(device))
    fields.wrong("device_type", device, "'veth' or 'netkit' (then veth is used)");
  if (fields.list("readiness_gates").length > 0) {
    fields.unsupported("readiness_gates", "remove it: the agent answers only when it is ready");
  }
  const timeout = fields.number("policy_setup_timeout_seconds", 0);
  if (timeout < 0) fields.wrong("policy_setup_timeout_seconds", timeout, "0 or more seconds");
}

function readMtu(fields: Fields): number {
  const mtu = fields.number("mtu", 0);
  if (mtu !== 0 && (!Number.isInteger(mtu) || mtu < MIN_MTU || mtu > MAX_MTU)) {
    fields.wrong("mtu", mtu, `0 (chosen by the encapsulation) or ${MIN_MTU} … ${MAX_MTU}`);
  }
  return mtu;
}

function readPools(ipam: Fields, field: string, family: 4 | 6): readonly string[] {
  return ipam.list(field).map((item, index) => {
    const text = typeof item === "string" ? item : "";
    const looksLikeCidr = text.includes("/") || tryParseAddress(text) !== undefined;
    const prefix = tryParsePrefix(text);
    const isRightFamily = prefix === undefined || (typeof prefix.address === "number" ? 4 : 6) === family;
    if (text === "" || (looksLikeCidr && (!prefix || !isRightFamily))) {
      ipam.wrong(`${field}[${index}]`, item, `the name of an IPPool, or its IPv${family} CIDR with host bits zero`);
    }
    return text;
  });
}

function readLog(fields: Fields): LogSettings {
  const level = fields.text("log_level").toLowerCase();
  return {
    level: level === "debug" || level === "error" ? level : "info",
    path: fields.text("log_file_path"),
    maxSizeMegabytes: fields.number("log_file_max_size", 100),
    maxAgeDays: fields.number("log_file_max_age", 30),
    maxCount: fields.number("log_file_max_count", 10),
  };
}

function readLabels(cni: Fields): Readonly<Record<string, string>> {
  const labels: [string, string][] = cni.list("labels").flatMap((item) => {
    const pair = isObject(item) ? item : {};
    const { key, value } = pair;
    if (typeof key === "string" && typeof value === "string") return [[key, value] as [string, string]];
    cni.wrong("labels", item, 'a list of {"key": …, "value": …}');
    return [];
  });
  return Object.fromEntries(labels);
}

function readAttachments(value: Json | undefined): NetworkConfig["validAttachments"] {
  if (!Array.isArray(value)) return undefined;
  return value.flatMap((item: Json) => {
    const { containerID, ifname } = isObject(item) ? item : {};
    return typeof containerID === "string" ? [{ containerId: containerID, ifName: String(ifname ?? "") }] : [];
  });
}
