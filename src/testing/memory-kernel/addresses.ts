/** Addresses of the memory kernel's devices. */
import { type Family, familyOf, type IpAddress } from "../../ip/address.ts";
import { contains } from "../../ip/prefix.ts";
import { Flag } from "../../netlink/message.ts";
import { type Address, addressBody, addressBodyOf, addressOf } from "../../netlink/rtnetlink/address.ts";
import { AddressFamily, Group, RtmType } from "../../netlink/rtnetlink/codes.ts";
import { type Asked, type Bus, type Shown, shown } from "./bus.ts";
import type { LinkWatcher, MemoryLinks } from "./links.ts";
import { Errno, Refusal } from "./refusal.ts";

export class MemoryAddresses implements LinkWatcher {
  readonly #bus: Bus;
  readonly #links: MemoryLinks;
  #addresses: Address[] = [];
  /** Called when an IPv4 address has gone; `isLast`: its device has no other. */
  removed: (address: Address, isLast: boolean) => void = () => undefined;

  constructor(bus: Bus, links: MemoryLinks) {
    this.#bus = bus;
    this.#links = links;
  }

  all(): readonly Address[] {
    return this.#addresses;
  }

  /** Whether the address is on the link of the device. */
  isOnLink(index: number, address: IpAddress): boolean {
    return this.#addresses.some((own) => own.index === index && contains(own.address, address));
  }

  request({ type, flags, payload, port }: Asked): void {
    const address = addressOf(addressBody.decode(payload));
    this.#links.expect(address.index);
    const same = this.#addresses.find((other) => isSame(other, address));
    if (type === RtmType.deleteAddress) {
      if (!same) throw new Refusal(Errno.EADDRNOTAVAIL);
      this.#remove(same, port);
      return;
    }
    if (same && (flags & Flag.exclusive) !== 0) throw new Refusal(Errno.EEXIST);
    if (!same) this.#addresses.push(address);
    this.#told(address, RtmType.newAddress, port);
  }

  list(payload: Uint8Array): readonly Shown[] {
    const { header } = addressBody.decode(payload);
    return this.#addresses
      .filter(({ index }) => header.index === 0 || header.index === index)
      .filter(({ address }) => header.family === 0 || header.family === familyNumber(familyOf(address.address)))
      .map((address) => shown(RtmType.newAddress, addressBody, addressBodyOf(address)));
  }

  wentDown(index: number): void {
    for (const address of this.#addresses) {
      if (address.index === index && typeof address.address.address === "bigint") this.#remove(address, 0);
    }
  }

  cameUp(): void {}

  lostCarrier(): void {}

  gone(index: number): void {
    for (const address of this.#addresses) if (address.index === index) this.#remove(address, 0);
  }

  #remove(address: Address, port: number): void {
    this.#addresses = this.#addresses.filter((other) => other !== address);
    this.#told(address, RtmType.deleteAddress, port);
    if (!isIpv4(address)) return;
    this.removed(address, !this.#addresses.some((other) => other.index === address.index && isIpv4(other)));
  }

  /** The kernel names who asked for IPv4 addresses only. */
  #told(address: Address, type: number, port: number): void {
    const group = isIpv4(address) ? Group.ipv4Address : Group.ipv6Address;
    this.#bus.notify(group, shown(type, addressBody, addressBodyOf(address)), isIpv4(address) ? port : 0);
  }
}

const isIpv4 = ({ address }: Address): boolean => typeof address.address === "number";

const isSame = (a: Address, b: Address): boolean =>
  a.index === b.index && a.address.address === b.address.address && a.address.length === b.address.length;

const familyNumber = (family: Family): number => (family === 4 ? AddressFamily.ipv4 : AddressFamily.ipv6);
