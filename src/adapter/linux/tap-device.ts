/** A TAP device that lives as long as its descriptor is open. Documentation/networking/tuntap.rst; linux/if_tun.h. */
import { KernelError } from "../../port/netlink.ts";
import { call } from "./libc.ts";

const O_RDWR = 2;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const TUNSETIFF = 0x400454ca;
const TUNSETOFFLOAD = 0x400454d0;
const IFF_TAP = 0x0002;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;
/** Never one that is there already: another's queue. */
const IFF_TUN_EXCL = 0x8000;
const TUN_F_CSUM = 0x01;
const TUN_F_TSO4 = 0x02;
const NAME_OCTETS = 16;
const REQUEST_OCTETS = 40;

const TUN_FILE = "/dev/net/tun";

/** Why this process may not open the file that makes such devices; undefined when it may. */
export function whyNoTap(): string | undefined {
  try {
    call("close", [openTunFile()]);
    return undefined;
  } catch (failure) {
    if (failure instanceof KernelError) return failure.message;
    throw failure;
  }
}

const openTunFile = (): number => call("open", [TUN_FILE, O_RDWR | O_NONBLOCK | O_CLOEXEC, 0], TUN_FILE);

/** Makes it, down; it gives and takes TCP segments of up to 64 KB and unfinished checksums. The caller closes the descriptor. */
export function makeTapDevice(name: string): number {
  const fd = openTunFile();
  try {
    const request = Buffer.alloc(REQUEST_OCTETS);
    request.write(name, 0, NAME_OCTETS - 1, "latin1");
    request.writeUInt16LE(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_TUN_EXCL, NAME_OCTETS);
    call("ioctl", [fd, TUNSETIFF, request], `TAP device ${name}`);
    call("ioctlInt", [fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4], `offloads of ${name}`);
    return fd;
  } catch (failure) {
    call("close", [fd]);
    throw failure;
  }
}
