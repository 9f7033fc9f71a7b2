/**
 * Finds the node's own address among the host's. Pure. Interfaces are walked backwards by index, as calico-node does
 * (for `interface=` once per pattern, in the order of the patterns), and every address looked at is kept with the reason why it lost: "why this address?" is a question that users have.
 */
import { goPattern } from "../base/go-pattern.ts";
import { IPIP_DEVICE } from "../compile/tunnels/ipip.ts";
import { VXLAN_DEVICE } from "../compile/tunnels/vxlan.ts";
import { type Family, familyOf, formatAddress, type IpAddress } from "../ip/address.ts";
import { contains, formatPrefix, type InterfaceAddress, parsePrefix } from "../ip/prefix.ts";
import type { HostInterface } from "../port/host-facts.ts";
import type { AutodetectionMethod } from "./autodetection-method.ts";

/** Interfaces that are nobody's way to other nodes. Unanchored where there is no `^`. */
export const defaultExcludes: readonly string[] = [
  "^docker.*",
  "^cbr.*",
  "^dummy.*",
  "^podman.*",
  "^virbr.*",
  "^lxcbr.*",
  "^veth.*",
  "^lo",
  "^br-.*",
  "^cali.*",
  "^tunl.*",
  "^flannel.*",
  "^kube-ipvs.*",
  "^cni.*",
  "^vxlan\\.calico.*",
  "^vxlan-v6\\.calico.*",
  "^wireguard\\.cali.*",
  "^wg-v6\\.cali.*",
  "^nodelocaldns.*",
];

/**
 * Tunnels of ours are no way to other nodes whatever the method: their addresses are out of the pools, which `cidr=` may
 * well cover, and a node that tells others to send its tunnelled packets to one is reached by nobody.
 */
const ownTunnels: ReadonlySet<string> = new Set([
  IPIP_DEVICE,
  VXLAN_DEVICE,
  "vxlan-v6.calico",
  "wireguard.cali",
  "wg-v6.cali",
]);

/** An address on an interface of this host. */
export type LocalAddress = InterfaceAddress & { readonly device: string };

export interface Candidate {
  readonly device: string;
  /** undefined: the interface was passed over as a whole. */
  readonly address: InterfaceAddress | undefined;
  readonly isChosen: boolean;
  /** Why it won or lost. */
  readonly reason: string;
}

export interface Detection {
  readonly chosen: LocalAddress | undefined;
  /** In the order in which they were looked at. */
  readonly candidates: readonly Candidate[];
}

/** `reached`: the source address that `can-reach=` found; undefined where the method is another or found none. */
export function detect(
  method: AutodetectionMethod,
  family: Family,
  interfaces: readonly HostInterface[],
  reached?: IpAddress,
): Detection {
  const rejectsInterface = interfaceFilter(method);
  const rejectsAddress = addressFilter(method, reached);
  const candidates: Candidate[] = [];
  let chosen: LocalAddress | undefined;
  for (const { name: device, isUp, addresses } of inOrder(method, interfaces)) {
    const ofFamily = addresses.filter(({ address }) => familyOf(address) === family);
    const passedOver =
      (isUp ? undefined : "the interface is down") ??
      (ownTunnels.has(device) ? "it is a tunnel of this node itself" : undefined) ??
      rejectsInterface(device) ??
      (ofFamily.length === 0 ? `it has no IPv${family} address` : undefined);
    if (passedOver !== undefined) {
      candidates.push({ device, address: undefined, isChosen: false, reason: passedOver });
      continue;
    }
    for (const address of ofFamily) {
      const reason = rejectsAddress(address.address);
      if (reason !== undefined) {
        candidates.push({ device, address, isChosen: false, reason });
      } else if (chosen) {
        const first = `${formatPrefix(chosen)} on ${chosen.device} was found first`;
        candidates.push({ device, address, isChosen: false, reason: first });
      } else {
        chosen = { ...address, device };
        candidates.push({ device, address, isChosen: true, reason: winning(method) });
      }
    }
  }
  return { chosen, candidates };
}

/** One line per candidate. */
export const describeCandidate = ({ device, address, isChosen, reason }: Candidate): string =>
  `${device}${address ? ` ${formatPrefix(address)}` : ""}: ${isChosen ? "chosen" : "not taken"}, ${reason}`;

/** The interface that has this address. */
export function locate(interfaces: readonly HostInterface[], address: IpAddress): LocalAddress | undefined {
  for (const { name, addresses } of interfaces) {
    const found = addresses.find((own) => own.address === address);
    if (found) return { ...found, device: name };
  }
  return undefined;
}

/**
 * Newest first. Behind `interface=` the first pattern's interfaces come before the second's, and so on: what qualifies
 * under no earlier pattern it matches would not qualify under a later one, so this is one walk per pattern.
 */
function inOrder(method: AutodetectionMethod, interfaces: readonly HostInterface[]): readonly HostInterface[] {
  const patterns = method.kind === "interface" ? method.patterns.map(goPattern) : [];
  return interfaces
    .map((each) => {
      const hit = patterns.findIndex((pattern) => pattern.test(each.name));
      return { each, rank: hit < 0 ? patterns.length : hit };
    })
    .sort((a, b) => a.rank - b.rank || b.each.index - a.each.index)
    .map(({ each }) => each);
}

function interfaceFilter(method: AutodetectionMethod): (device: string) => string | undefined {
  if (method.kind === "interface") {
    const patterns = method.patterns.map(goPattern);
    const all = method.patterns.join(",");
    return (device) =>
      patterns.some((pattern) => pattern.test(device)) ? undefined : `its name does not match ${all}`;
  }
  if (method.kind === "cidr" || method.kind === "can-reach") return () => undefined;
  const skipped = method.kind === "skip-interface" ? method.patterns : [];
  const rows = [
    ...defaultExcludes.map((source) => ({ source, why: "is always left out" })),
    ...skipped.map((source) => ({ source, why: "is left out by skip-interface" })),
  ].map((row) => ({ ...row, pattern: goPattern(row.source) }));
  return (device) => {
    const hit = rows.find(({ pattern }) => pattern.test(device));
    return hit && `its name matches ${hit.source}, which ${hit.why}`;
  };
}

function addressFilter(
  method: AutodetectionMethod,
  reached: IpAddress | undefined,
): (address: IpAddress) => string | undefined {
  switch (method.kind) {
    case "cidr":
      return (address) =>
        notUnicast(address) ??
        (method.cidrs.some((cidr) => contains(cidr, address)) ? undefined : "it lies in none of the CIDRs of cidr=");
    case "can-reach": {
      const from = reached === undefined ? "no address" : formatAddress(reached);
      const why = `the host speaks to ${method.destination} from ${from}`;
      return (address) => (address === reached ? undefined : why);
    }
    default:
      return notUnicast;
  }
}

const specialRanges = [
  ["0.0.0.0/32", "unspecified"],
  ["127.0.0.0/8", "a loopback address"],
  ["169.254.0.0/16", "link-local"],
  ["224.0.0.0/4", "a multicast address"],
  ["255.255.255.255/32", "the broadcast address"],
  ["::/128", "unspecified"],
  ["::1/128", "a loopback address"],
  ["fe80::/10", "link-local"],
  ["ff00::/8", "a multicast address"],
].map(([cidr = "", what = ""]) => ({ range: parsePrefix(cidr), what }));

function notUnicast(address: IpAddress): string | undefined {
  const special = specialRanges.find(({ range }) => contains(range, address));
  return special && `it is ${special.what}`;
}

function winning(method: AutodetectionMethod): string {
  switch (method.kind) {
    case "first-found":
    case "skip-interface":
      return "the first address that qualifies, newest interface first";
    case "interface":
      return `the first address on an interface that matches ${method.patterns.join(",")}, patterns tried in order`;
    case "cidr":
      return "the first address in the CIDRs of cidr=";
    case "can-reach":
      return `the host speaks to ${method.destination} from it`;
  }
}
