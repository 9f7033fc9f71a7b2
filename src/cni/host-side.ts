/** The host's end of pod interfaces: how it must be set for pods to be reached. */
import { type Ipv6, ipv6Of } from "../ip/address.ts";
import type { Log } from "../port/log.ts";
import type { NetNamespace } from "../port/namespaces.ts";
import { KernelError } from "../port/netlink.ts";

/** MAC of the host's end of every pod interface. */
export const HOST_MAC = "ee:ee:ee:ee:ee:ee";
/** Link-local address that the kernel makes of HOST_MAC: the pods' IPv6 gateway. */
export const GATEWAY6: Ipv6 = ipv6Of(0xfe80_0000_0000_0000_ecee_eeff_feee_eeeen);

interface Setting {
  readonly path: string;
  readonly value: string;
  /** Without it the pod still works: a failure is only logged. */
  readonly optional?: true;
}

const ipv4Settings = (device: string): readonly Setting[] => [
  { path: `net/ipv4/conf/${device}/route_localnet`, value: "1" },
  { path: `net/ipv4/neigh/${device}/proxy_delay`, value: "0", optional: true },
  { path: `net/ipv4/conf/${device}/proxy_arp`, value: "1" },
  { path: `net/ipv4/conf/${device}/forwarding`, value: "1" },
  { path: `net/ipv6/conf/${device}/accept_ra`, value: "0", optional: true },
];

const ipv6Settings = (device: string): readonly Setting[] => [
  { path: `net/ipv6/conf/${device}/accept_dad`, value: "0" },
  { path: `net/ipv6/conf/${device}/disable_ipv6`, value: "0" },
  { path: `net/ipv6/conf/${device}/proxy_ndp`, value: "1" },
  { path: `net/ipv6/conf/${device}/forwarding`, value: "1" },
];

/** Writes the settings of the host's end, before it comes up. Throws KernelError. */
export function writeHostSettings(host: NetNamespace, device: string, hasIpv6: boolean, log: Log): void {
  for (const { path, value, optional } of [...ipv4Settings(device), ...(hasIpv6 ? ipv6Settings(device) : [])]) {
    try {
      // Some of these make the kernel spin for its lock when they are written: what is right already is left alone.
      if (host.readSysctl(path) !== value) host.writeSysctl(path, value);
    } catch (failure) {
      if (!optional || !(failure instanceof KernelError)) throw failure;
      log.warn("a setting of the host's end of a pod interface could not be made", { path, value }, failure);
    }
  }
}

/** Settings that are not as they must be, as `path is value`. */
export const wrongHostSettings = (host: NetNamespace, device: string): readonly string[] =>
  ipv4Settings(device)
    .filter(({ optional }) => !optional)
    .flatMap(({ path, value }) => {
      const actual = host.readSysctl(path);
      return actual === value ? [] : [`${path} is ${actual ?? "absent"} instead of ${value}`];
    });
