/** Results in the shape of every CNI version. */
import type { IpAddress } from "../ip/address.ts";
import { formatPrefix, hostPrefix, type InterfaceAddress, prefixOf } from "../ip/prefix.ts";
import { type CniVersion, isAtLeast, SUPPORTED_VERSIONS } from "./versions.ts";

export interface AttachedInterface {
  readonly hostName: string;
  readonly podName: string;
  readonly mac: string;
  /** Octets. */
  readonly mtu: number;
  /** Path of the pod's namespace. */
  readonly sandbox: string;
}

const ANY = { 4: "0.0.0.0/0", 6: "::/0" } as const;
const familyOf = (address: IpAddress): 4 | 6 => (typeof address === "number" ? 4 : 6);

/**
 * The result of the main plugin: the pod's addresses as /32 and /128 without gateway, the host's end first, then the
 * pod's. `assigned` carry the block's mask, which the routes show, as Calico's do.
 */
export function podResult(
  version: CniVersion,
  attached: AttachedInterface,
  assigned: readonly InterfaceAddress[],
): string {
  const hosts = assigned.map(({ address }) => formatPrefix(hostPrefix(address)));
  if (!isAtLeast(version, "0.3.0")) return oldResult(version, assigned, hosts);
  return JSON.stringify({
    cniVersion: version,
    interfaces: [
      { name: attached.hostName },
      {
        name: attached.podName,
        mac: attached.mac,
        ...(isAtLeast(version, "1.1.0") ? { mtu: attached.mtu } : {}),
        sandbox: attached.sandbox,
      },
    ],
    ips: assigned.map(({ address }, index) => ({
      ...(isAtLeast(version, "1.0.0") ? {} : { version: String(familyOf(address)) }),
      interface: 1,
      address: hosts[index],
    })),
    routes: assigned.map(blockRoute),
    dns: {},
  });
}

/** The result of the IPAM plugin alone: addresses with the block's mask, no interfaces. */
export function ipamResult(version: CniVersion, assigned: readonly InterfaceAddress[]): string {
  const texts = assigned.map(formatPrefix);
  if (!isAtLeast(version, "0.3.0")) return oldResult(version, assigned, texts);
  return JSON.stringify({
    cniVersion: version,
    ips: assigned.map(({ address }, index) => ({
      ...(isAtLeast(version, "1.0.0") ? {} : { version: String(familyOf(address)) }),
      address: texts[index],
    })),
    routes: assigned.map(blockRoute),
    dns: {},
  });
}

const blockRoute = ({ address, length }: InterfaceAddress): { dst: string } => ({
  dst: formatPrefix(prefixOf(address, length)),
});

/** 0.1.0 and 0.2.0: one address of each family. */
function oldResult(version: CniVersion, assigned: readonly InterfaceAddress[], texts: readonly string[]): string {
  const of = (family: 4 | 6): object => {
    const index = assigned.findIndex(({ address }) => familyOf(address) === family);
    return index < 0 ? {} : { [`ip${family}`]: { ip: texts[index], routes: [{ dst: ANY[family] }] } };
  };
  return JSON.stringify({ cniVersion: version, ...of(4), ...of(6), dns: {} });
}

/** The answer to VERSION. */
export const versionResult = (version: CniVersion): string =>
  JSON.stringify({ cniVersion: version, supportedVersions: SUPPORTED_VERSIONS });
