/** What an agent reads of the host that it runs on, and the few files that it keeps there for others. */
import type { Family, IpAddress } from "../ip/address.ts";
import type { InterfaceAddress } from "../ip/prefix.ts";

export interface HostInterface {
  /** The kernel's number; grows with the order of creation. */
  readonly index: number;
  readonly name: string;
  /** Set up by an administrator (IFF_UP). */
  readonly isUp: boolean;
  /** Able to carry packets (IF_OPER_UP, or unknown with a carrier). */
  readonly isOperUp: boolean;
  /** Octets. */
  readonly mtu: number;
  /** Empty where the device has none. */
  readonly mac: string;
  /** In the kernel's order, secondary addresses after primary ones. */
  readonly addresses: readonly InterfaceAddress[];
}

export interface HostFacts {
  /** The name of the UTS namespace. */
  hostname(): string;
  /** In the order of their index. */
  interfaces(): Promise<readonly HostInterface[]>;
}

/** Asks the routing table by which address the host would speak to somebody. */
export interface Reachability {
  /** `destination` is a name or an address. Throws with the reason when there is no way. */
  sourceTowards(destination: string, family: Family): Promise<IpAddress>;
}

/** The host's resolver. */
export interface HostNames {
  /** An address of a name. Throws the resolver's error. */
  resolve(name: string, family: Family): Promise<IpAddress>;
}

/** Files below the root that Calico's other parts read or write. */
export interface HostFiles {
  /** `/var/lib/calico/nodename` without blanks; undefined when there is none or it is empty. */
  readNodeName(): string | undefined;
  /** Always written: its time of change tells Calico's probes when the node started. */
  writeNodeName(name: string): void;
  /** `/var/lib/calico/mtu`: what the plugin gives pods, in octets. Writes only what changes. */
  writeMtu(octets: number): void;
  /** `/etc/calico/felix.cfg`. */
  readFelixFile(): { readonly path: string; readonly text: string } | undefined;
  /** `/etc/calico/secrets/<name>/<key>`, without the newline at its end. */
  readSecret(name: string, key: string): string | undefined;
}
