/** Names of underlay devices: those of their hosts, as far as a device name can hold them. */
import { createHash } from "node:crypto";

/** The device of a router that leads outside. */
export const OUTSIDE_DEVICE = "outside";

/** IFNAMSIZ less the final zero. */
const LONGEST_DEVICE_NAME = 15;

/** The device that stands for a host or router on the other side of its wire; the name itself, or its start and a digest. */
export function portName(name: string): string {
  if (name.length <= LONGEST_DEVICE_NAME && /^[a-z0-9][a-z0-9.-]*$/i.test(name)) return name;
  const digest = createHash("sha1").update(name).digest("hex").slice(0, 6);
  return `${name.slice(0, LONGEST_DEVICE_NAME - 7)}-${digest}`;
}

/** The MAC of a subnet's gateway: its own for good, where a bridge without one takes its ports'. Locally administered. */
export function gatewayMac(subnet: { readonly name: string; readonly router: string }): string {
  const digest = createHash("sha1").update(`${subnet.router}/${subnet.name}`).digest();
  return ["02", ...Array.from(digest.subarray(0, 5), (octet) => octet.toString(16).padStart(2, "0"))].join(":");
}
