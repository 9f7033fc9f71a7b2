/** IPPool. Rules and texts: `libcalico-go/lib/clientv3/ippool.go`. */
import * as v from "valibot";
import type { JsonObject } from "../../base/json.ts";
import { familyOf, formatAddress } from "../../ip/address.ts";
import { formatPrefix, overlaps, parsePrefix, prefixOf, tryParseInterfaceAddress } from "../../ip/prefix.ts";
import { subdomainName } from "../names.ts";
import { integerFrom, listOf, object, oneOf, optional, plainFlag, selector, text } from "../schema/fields.ts";
import { cell, flagCell, type KindRow, listAt, nameCell, objectAt, type Report, textAt } from "./kind.ts";

const mode = oneOf(["Always", "CrossSubnet", "Never"]);

const spec = object({
  cidr: text,
  vxlanMode: optional(mode),
  ipipMode: optional(mode),
  natOutgoing: optional(plainFlag),
  disabled: optional(plainFlag),
  disableBGPExport: optional(plainFlag),
  blockSize: optional(integerFrom(0)),
  nodeSelector: optional(selector),
  namespaceSelector: optional(selector),
  allowedUses: optional(listOf(oneOf(["Workload", "Tunnel", "LoadBalancer"]))),
  assignmentMode: optional(oneOf(["Automatic", "Manual"])),
});

const linkLocal4 = parsePrefix("169.254.0.0/16");
const linkLocal6 = parsePrefix("fe80::/10");

const blockSizes = { 4: { default: 26, min: 20, max: 32 }, 6: { default: 122, min: 116, max: 128 } } as const;

function defaults(given: JsonObject): JsonObject {
  const parsed = tryParseInterfaceAddress(textAt(given, "cidr"));
  const uses = listAt(given, "allowedUses");
  return {
    ...given,
    ...(parsed ? { cidr: formatPrefix(parsed) } : {}),
    vxlanMode: textAt(given, "vxlanMode") || "Never",
    ipipMode: textAt(given, "ipipMode") || "Never",
    ...(parsed && !given["blockSize"] ? { blockSize: blockSizes[familyOf(parsed.address)].default } : {}),
    nodeSelector: textAt(given, "nodeSelector") || "all()",
    allowedUses: uses.length > 0 ? uses : ["Workload", "Tunnel"],
    assignmentMode: textAt(given, "assignmentMode") || "Automatic",
  };
}

const field = (name: string) => ({ path: ["spec", name], name: `IPPool.Spec.${goNames[name]}` });
const goNames: Readonly<Record<string, string>> = {
  cidr: "CIDR",
  blockSize: "BlockSize",
  vxlanMode: "VXLANMode",
  ipipMode: "IPIPMode",
  nodeSelector: "NodeSelector",
  namespaceSelector: "NamespaceSelector",
  allowedUses: "AllowedUses",
  disableBGPExport: "DisableBGPExport",
};

function validate(pool: JsonObject, report: Report): void {
  const given = objectAt(pool, "spec");
  const cidr = textAt(given, "cidr");
  const parsed = tryParseInterfaceAddress(cidr);
  if (cidr === "") {
    report({
      ...field("cidr"),
      value: "",
      reason: "IPPool CIDR must be specified",
      remedy: "write cidr: 10.244.0.0/16",
    });
    return;
  }
  if (!parsed) {
    report({
      ...field("cidr"),
      value: cidr,
      reason: "IPPool CIDR must be a valid subnet",
      remedy: "write an address with a prefix length, such as 10.244.0.0/16 or fd00:10:244::/48",
    });
    return;
  }
  validateRange(given, cidr, report);
  validateModes(given, familyOf(parsed.address), report);
  validateUses(given, report);
}

function validateRange(given: JsonObject, cidr: string, report: Report): void {
  const parsed = tryParseInterfaceAddress(cidr);
  if (!parsed) return;
  const family = familyOf(parsed.address);
  const pool = prefixOf(parsed.address, parsed.length);
  const blockSize = Number(given["blockSize"]);
  const { min, max } = blockSizes[family];
  if (blockSize < min || blockSize > max) {
    report({
      ...field("blockSize"),
      value: blockSize,
      reason: `IPv${family} block size must be between ${min} and ${max}`,
      remedy: `write blockSize: ${blockSizes[family].default}`,
    });
  }
  if (given["disabled"] !== true && parsed.length > blockSize) {
    report({
      ...field("cidr"),
      value: cidr,
      reason: "IP pool size is too small for use with Calico IPAM. It must be equal to or greater than the block size.",
      remedy: `write a prefix of /${blockSize} or shorter, or set disabled: true`,
    });
  }
  if (pool.address !== parsed.address) {
    report({
      ...field("cidr"),
      value: cidr,
      reason: "IPPool CIDR is not strictly masked",
      remedy: `write ${formatPrefix(pool)}`,
    });
  }
  if (overlaps(pool, linkLocal4) || overlaps(pool, linkLocal6)) {
    const range = family === 4 ? linkLocal4 : linkLocal6;
    report({
      ...field("cidr"),
      value: cidr,
      reason: `IPPool CIDR overlaps with IPv${family} Link Local range ${formatAddress(range.address)}/${range.length}`,
      remedy: "take a range outside it; its addresses never leave a link",
    });
  }
}

function validateModes(given: JsonObject, family: 4 | 6, report: Report): void {
  const ipip = textAt(given, "ipipMode");
  const vxlan = textAt(given, "vxlanMode");
  if (ipip !== "Never" && vxlan !== "Never") {
    report({
      ...field("vxlanMode"),
      value: vxlan,
      reason: "Cannot enable both VXLAN and IPIP on the same IPPool",
      remedy: "set one of vxlanMode and ipipMode to Never",
    });
  }
  if (family === 6 && ipip !== "Never") {
    report({
      ...field("ipipMode"),
      value: ipip,
      reason: "IPIP is not supported on an IPv6 IP pool",
      remedy: "write ipipMode: Never, and vxlanMode where tunnels are needed",
    });
  }
  for (const name of ["nodeSelector", "namespaceSelector"]) {
    const text = textAt(given, name);
    if (text.includes("global()"))
      report({ ...field(name), value: text, reason: "global() can only be used in an EntityRule namespaceSelector" });
  }
}

function validateUses(given: JsonObject, report: Report): void {
  const uses = listAt(given, "allowedUses");
  if (textAt(given, "namespaceSelector") !== "" && uses.includes("Tunnel")) {
    report({
      ...field("namespaceSelector"),
      value: given["namespaceSelector"],
      reason: "IPPool with a namespaceSelector cannot have allowedUses Tunnel",
      remedy: "write allowedUses: [Workload]",
    });
  }
  if (!uses.includes("LoadBalancer")) return;
  const refuse = (name: string, reason: string) => report({ ...field(name), value: given[name], reason });
  if (uses.length > 1) refuse("allowedUses", "LoadBalancer cannot be combined with other uses");
  if (textAt(given, "ipipMode") !== "Never") refuse("ipipMode", "IPPool for LoadBalancer cannot have encapsulation");
  if (textAt(given, "vxlanMode") !== "Never") refuse("vxlanMode", "IPPool for LoadBalancer cannot have encapsulation");
  if (textAt(given, "nodeSelector") !== "all()") refuse("nodeSelector", "IPPool for LoadBalancer must select all()");
  if (given["disableBGPExport"] === true) refuse("disableBGPExport", "IPPool for LoadBalancer must be exported by BGP");
}

function validateChange(pool: JsonObject, was: JsonObject, report: Report): void {
  const given = objectAt(pool, "spec");
  const before = defaults(objectAt(was, "spec"));
  const refuse = (name: string, reason: string) =>
    report({
      ...field(name),
      value: given[name],
      reason,
      remedy: `keep ${name}: ${before[name]}, or create another pool and delete this one when it is empty`,
    });
  if (given["cidr"] !== before["cidr"]) refuse("cidr", "IPPool CIDR cannot be modified");
  if (given["blockSize"] !== before["blockSize"]) refuse("blockSize", "IPPool BlockSize cannot be modified");
  const isLoadBalancer = (uses: readonly unknown[]) => uses.includes("LoadBalancer");
  if (isLoadBalancer(listAt(before, "allowedUses")) !== isLoadBalancer(listAt(given, "allowedUses")))
    refuse("allowedUses", "IPPool cannot change between LoadBalancer and other uses");
}

export const ipPool: KindRow = {
  kind: "IPPool",
  aliases: ["ippools", "ipp", "ipps", "pool", "pools"],
  name: subdomainName,
  spec,
  status: v.looseObject({}),
  defaults,
  validate,
  validateChange,
  columns: {
    NAME: nameCell,
    CIDR: cell("spec", "cidr"),
    NAT: flagCell("spec", "natOutgoing"),
    IPIPMODE: (pool) => textAt(pool, "spec", "ipipMode") || "Never",
    VXLANMODE: (pool) => textAt(pool, "spec", "vxlanMode") || "Never",
    DISABLED: flagCell("spec", "disabled"),
    DISABLEBGPEXPORT: flagCell("spec", "disableBGPExport"),
    SELECTOR: cell("spec", "nodeSelector"),
    ASSIGNMENTMODE: (pool) => textAt(pool, "spec", "assignmentMode") || "Automatic",
  },
  narrow: ["NAME", "CIDR", "SELECTOR"],
  wide: ["NAME", "CIDR", "NAT", "IPIPMODE", "VXLANMODE", "DISABLED", "DISABLEBGPEXPORT", "SELECTOR", "ASSIGNMENTMODE"],
  wideUnless: { ASSIGNMENTMODE: "Automatic" },
};
