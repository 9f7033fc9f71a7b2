/** Network namespaces, as far as one process can work in several (kernel-side: a socket belongs to the one it was made in). */
import type { Netlink } from "./netlink.ts";

export interface NetNamespace extends Netlink {
  /** An open descriptor of the namespace, for IFLA_NET_NS_FD. Valid until `close`. */
  readonly fd: number;
  /** What identifies it system-wide: device and inode of the nsfs file. */
  readonly id: string;
  /** Runs `work` with the thread inside the namespace. `work` is synchronous: no promise, no await. */
  run<T>(work: () => T): T;
  /** Writes a sysctl below `net/` (`net/ipv4/conf/eth0/forwarding`). Throws KernelError. */
  writeSysctl(path: string, value: string): void;
  /** Its value without the newline, undefined when there is no such file. */
  readSysctl(path: string): string | undefined;
  close(): void;
}

export interface Namespaces {
  /** The namespace that this process runs in. */
  own(): NetNamespace;
  /** The namespace behind a path (`/proc/1/ns/net`, `/var/run/netns/x`); undefined when it is gone. Throws KernelError otherwise. */
  open(path: string): NetNamespace | undefined;
}
