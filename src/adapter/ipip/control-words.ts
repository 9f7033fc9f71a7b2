/** What an agent and the process of a tunnel say to each other: JSON over HTTP on a Unix socket, `/v1/tunnel`. */
import { type Json, type JsonObject, parseJson } from "../../base/json.ts";
import { arrayOf, objectOf, textOf } from "../../base/json-fields.ts";
import { formatAddress, type Ipv4, tryParseIpv4 } from "../../ip/address.ts";
import { KernelError } from "../../port/netlink.ts";
import type { TunnelChange, TunnelState } from "../../port/tunnel-server.ts";

export const TUNNEL_PATH = "/v1/tunnel";

/** Names below the folder that they share. */
export const tunnelFiles = (folder: string) => ({
  socket: `${folder}/ipip-tun.sock`,
  lock: `${folder}/ipip-tun.lock`,
  /** What the process says beside that: why it ended. */
  log: `${folder}/ipip-tun.log`,
});

const numberOf = (json: Json | undefined): number => (typeof json === "number" ? json : 0);
const addressesOf = (json: Json | undefined): readonly Ipv4[] =>
  arrayOf(json).flatMap((item) => tryParseIpv4(textOf(item) ?? "") ?? []);

export const encodeState = ({ local, sources, counters, ...rest }: TunnelState): JsonObject => ({
  ...rest,
  ...(local === undefined ? {} : { local: formatAddress(local) }),
  sources: Array.from(sources, formatAddress),
  counters: { ...counters },
});

export function decodeState(text: string): TunnelState {
  const { version, pid, device, local, parent, sources, counters } = objectOf(parseJson(text));
  const address = tryParseIpv4(textOf(local) ?? "");
  const counted = objectOf(counters);
  return {
    version: textOf(version) ?? "",
    pid: numberOf(pid),
    device: textOf(device) ?? "",
    parent: textOf(parent) ?? "",
    ...(address === undefined ? {} : { local: address }),
    sources: new Set(addressesOf(sources)),
    counters: {
      received: numberOf(counted["received"]),
      notSent: numberOf(counted["notSent"]),
      unknownSource: numberOf(counted["unknownSource"]),
      notReceived: numberOf(counted["notReceived"]),
    },
  };
}

export const encodeChange = ({ local, add = [], remove = [], ...rest }: TunnelChange): JsonObject => ({
  ...rest,
  ...(local === undefined ? {} : { local: formatAddress(local) }),
  add: add.map(formatAddress),
  remove: remove.map(formatAddress),
});

/** What the kernel takes for an MTU of IPv4 (RFC 791) on an Ethernet device. */
const isMtu = (json: Json | undefined): json is number =>
  typeof json === "number" && Number.isInteger(json) && json >= 68 && json <= 65_535;

/** Throws SyntaxError for what is no JSON. */
export function decodeChange(text: string): TunnelChange {
  const { local, parent, mtu, add, remove } = objectOf(parseJson(text));
  const address = tryParseIpv4(textOf(local) ?? "");
  return {
    ...(address === undefined ? {} : { local: address }),
    ...(typeof parent === "string" ? { parent } : {}),
    ...(isMtu(mtu) ? { mtu } : {}),
    add: addressesOf(add),
    remove: addressesOf(remove),
  };
}

export const encodeRefusal = ({ detail }: KernelError): JsonObject => ({
  call: detail.call,
  errno: detail.errno,
  number: detail.number,
  ...(detail.subject === undefined ? {} : { subject: detail.subject }),
});

export function decodeRefusal(text: string): KernelError {
  const { call, errno, number, subject } = objectOf(parseJson(text));
  return new KernelError({
    call: textOf(call) ?? "",
    errno: textOf(errno) ?? "",
    number: numberOf(number),
    ...(typeof subject === "string" ? { subject } : {}),
  });
}
