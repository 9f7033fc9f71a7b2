/**
 * Addresses of devices of ours: what is desired, and no others. IPv6 link-local addresses are the kernel's and stay.
 * Mark: the device's name. Since adds come before removals, an address whose prefix length changes is never away.
 */
import { type AddressItem, addressKey } from "../../compile/node-state.ts";
import { contains, parsePrefix } from "../../ip/prefix.ts";
import { addresses } from "../../kernel/rtnetlink-dumps.ts";
import type { Address } from "../../netlink/rtnetlink/address.ts";
import { AddressFlag } from "../../netlink/rtnetlink/codes.ts";
import type { IfIndex } from "../../netlink/rtnetlink/link.ts";
import type { Driver } from "../../reconcile/driver.ts";
import type { DriverDeps } from "./deps.ts";
import { DeviceDriver } from "./device-driver.ts";

export interface AddressDriverOptions {
  /** Whether all addresses of this device are ours. */
  readonly isOurs: (device: string) => boolean;
}

const LINK_LOCAL = parsePrefix("fe80::/10");

export function addressDriver(deps: DriverDeps, { isOurs }: AddressDriverOptions): Driver<AddressItem> {
  return new DeviceDriver<AddressItem, Address>(deps, {
    name: "addresses",
    isOurs,
    keyOf: addressKey,
    // Devices of pods are many, and what a host has on others is little.
    lists: () => [addresses()],
    groups: ["ipv4Address", "ipv6Address"],
    objectIn: (event) => (event.type === "address" ? event.address : undefined),
    bearsMark: ({ address }) => !contains(LINK_LOCAL, address.address),
    itemOf: ({ address }, device) => ({ device, address }),
    // The key is all there is.
    equal: () => true,
    set: (item, index) => ({ type: "replaceAddress", address: addressOf(item, index) }),
    unset: (item, index) => ({ type: "deleteAddress", address: addressOf(item, index) }),
  });
}

const addressOf = ({ address }: AddressItem, index: IfIndex): Address => ({
  index,
  address,
  ...(typeof address.address === "bigint" ? { flags: AddressFlag.noDad } : {}),
});
