/**
 * Settings of devices in the memory kernel, as /proc/sys/net shows them: `all`, `default` and each device for itself. The
 * kernel reports some of them when they change, and writing `ip_forward` sets every device.
 */

import { AddressFamily, Group, RtmType } from "../../netlink/rtnetlink/codes.ts";
import { netconfBody } from "../../netlink/rtnetlink/netconf.ts";
import type { NetNamespace } from "../../port/namespaces.ts";
import { KernelError } from "../../port/netlink.ts";
import { type Bus, shown } from "./bus.ts";
import type { LinkWatcher, MemoryLinks } from "./links.ts";

/** What the kernel says of a setting when it changes; undefined where it says nothing. */
const SETTINGS = {
  "4 forwarding": "forwarding",
  "4 rp_filter": "reversePathFilter",
  "4 proxy_arp": "proxyNeighbour",
  "4 route_localnet": undefined,
  "6 forwarding": "forwarding",
  "6 proxy_ndp": "proxyNeighbour",
} as const;
const IP_FORWARD = "net/ipv4/ip_forward";
/** NETCONFA_IFINDEX_ALL and _DEFAULT. */
const SHARED = { all: -1, default: -2 } as const;

export class MemorySysctls implements LinkWatcher, Pick<NetNamespace, "readSysctl" | "writeSysctl"> {
  readonly #bus: Bus;
  readonly #links: MemoryLinks;
  /** By device and setting; what is not there is "0". */
  readonly #values = new Map<string, string>();

  constructor(bus: Bus, links: MemoryLinks) {
    this.#bus = bus;
    this.#links = links;
  }

  readSysctl(path: string): string | undefined {
    const found = this.#find(path === IP_FORWARD ? "net/ipv4/conf/all/forwarding" : path);
    return found && (this.#values.get(`${found.index} ${found.setting}`) ?? "0");
  }

  writeSysctl(path: string, value: string): void {
    if (path === IP_FORWARD) {
      for (const index of [SHARED.all, SHARED.default, ...Array.from(this.#links.all(), (link) => link.index)]) {
        this.#set(index, "4 forwarding", value);
      }
      return;
    }
    const found = this.#find(path);
    if (!found) throw new KernelError({ call: "write", errno: "ENOENT", number: 2, subject: path });
    this.#set(found.index, found.setting, value);
  }

  #find(path: string): { readonly index: number; readonly setting: keyof typeof SETTINGS } | undefined {
    const [, family, device, name] = /^net\/ipv([46])\/conf\/([^/]+)\/([^/]+)$/.exec(path) ?? [];
    const setting = `${family} ${name}`;
    if (!isSetting(setting)) return undefined;
    if (device === "all" || device === "default") return { index: SHARED[device], setting };
    for (const link of this.#links.all()) if (link.name === device) return { index: link.index, setting };
    return undefined;
  }

  #set(index: number, setting: keyof typeof SETTINGS, value: string): void {
    const key = `${index} ${setting}`;
    if ((this.#values.get(key) ?? "0") === value) return;
    this.#values.set(key, value);
    const reported = SETTINGS[setting];
    if (reported === undefined) return;
    const isIpv4 = setting.startsWith("4");
    const header = { family: isIpv4 ? AddressFamily.ipv4 : AddressFamily.ipv6 };
    const body = { header, attributes: { index, [reported]: Number(value) } };
    this.#bus.notify(isIpv4 ? Group.ipv4Netconf : Group.ipv6Netconf, shown(RtmType.newNetconf, netconfBody, body), 0);
  }

  gone(index: number): void {
    for (const setting of Object.keys(SETTINGS)) this.#values.delete(`${index} ${setting}`);
  }

  wentDown(): void {}
  cameUp(): void {}
  lostCarrier(): void {}
}

const isSetting = (text: string): text is keyof typeof SETTINGS => Object.hasOwn(SETTINGS, text);
