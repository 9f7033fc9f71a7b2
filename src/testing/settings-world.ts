/**
 * Settings below /proc/sys/net under the contract of drivers. They are never removed: what is wanted no more stays as it is,
 * and a fresh process knows of none until it has written it.
 */
import type { SysctlItem } from "../compile/node-state.ts";
import { SysctlDriver } from "../dataplane/drivers/sysctls.ts";
import type { NetNamespace } from "../port/namespaces.ts";
import { KernelError } from "../port/netlink.ts";
import type { DriverWorld } from "./driver-contract.ts";
import { Ground, type KernelUnderTest } from "./driver-ground.ts";

export interface Settings {
  readonly namespace: Pick<NetNamespace, "readSysctl" | "writeSysctl">;
  /** `path value` of those paths that there are, seen from outside. */
  seen(paths: readonly string[]): readonly string[];
}

const POD = "cali1";
const line = ({ path, value }: SysctlItem): string => `${path} ${value}`;

export function sysctlWorld(kernel: KernelUnderTest, { namespace, seen }: Settings): DriverWorld<SysctlItem> {
  const ground = Ground.withDevices(kernel);
  ground.makePod(POD);
  const items: readonly SysctlItem[] = [
    { path: "net/ipv4/ip_forward", value: "1" },
    { path: "net/ipv6/conf/all/forwarding", value: "1" },
    { path: "net/ipv4/conf/eth0/forwarding", value: "0" },
    { path: "net/ipv4/conf/eth0/rp_filter", value: "2" },
    { path: "net/ipv4/conf/eth0/rp_filter", value: "1" },
    { path: `net/ipv4/conf/${POD}/proxy_arp`, value: "1" },
    { path: `net/ipv4/conf/${POD}/route_localnet`, value: "1" },
    { path: `net/ipv6/conf/${POD}/proxy_ndp`, value: "1" },
  ];
  const paths = [...new Set(items.map(({ path }) => path))];
  /** As somebody else; what is not there cannot be set. */
  const set = (path: string, value: string): void => {
    try {
      namespace.writeSysctl(path, value);
    } catch (failure) {
      if (!(failure instanceof KernelError)) throw failure;
    }
  };
  return {
    kernel,
    newDriver: () => ground.newDriver((deps) => new SysctlDriver(deps, { namespace })),
    keyOf: ({ path }) => path,
    items,
    seen: () => seen(paths),
    lineOf: line,
    foreign: [],
    leavesBehind: true,
    hands: {
      "turns forwarding off": () => set("net/ipv4/ip_forward", "0"),
      "turns a device's forwarding on": () => set("net/ipv4/conf/eth0/forwarding", "1"),
      "changes the reverse path filter": () => set("net/ipv4/conf/eth0/rp_filter", "0"),
      "turns proxy ARP and NDP off": () => {
        set(`net/ipv4/conf/${POD}/proxy_arp`, "0");
        set(`net/ipv6/conf/${POD}/proxy_ndp`, "0");
      },
      "changes what nobody reports while the device is down": () => {
        ground.down(POD);
        set(`net/ipv4/conf/${POD}/route_localnet`, "0");
      },
      "removes the device": () => ground.remove(POD),
      "makes the device anew": () => {
        ground.remove(POD);
        ground.makePod(POD);
      },
    },
    mend: () => ground.makePod(POD),
    hinder: { act: () => ground.remove(POD), hinders: ({ path }) => path.includes(POD) },
    close: () => ground.close(),
  };
}
