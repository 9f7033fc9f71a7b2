/**
 * Neighbours and forwarding entries of VXLAN devices of ours: where a tunnel address is, and where the MAC behind it. Mark:
 * PERMANENT, on a device of ours (DESIGN 4); whatever else the kernel keeps there for itself is left alone.
 */
import { type FdbItem, fdbKey, type NeighbourItem, neighbourKey } from "../../compile/node-state.ts";
import { ipv4Of } from "../../ip/address.ts";
import { forwarding, neighbours } from "../../kernel/rtnetlink-dumps.ts";
import { NeighbourFlag, NeighbourState } from "../../netlink/rtnetlink/codes.ts";
import type { IfIndex } from "../../netlink/rtnetlink/link.ts";
import type { ForwardingEntry, Neighbour } from "../../netlink/rtnetlink/neighbour.ts";
import type { Driver } from "../../reconcile/driver.ts";
import type { DriverDeps } from "./deps.ts";
import { DeviceDriver } from "./device-driver.ts";

export interface TunnelDriverOptions {
  /** Whether devices of this name are ours. */
  readonly isOurs: (device: string) => boolean;
}

export function neighbourDriver(deps: DriverDeps, { isOurs }: TunnelDriverOptions): Driver<NeighbourItem> {
  return new DeviceDriver<NeighbourItem, Neighbour>(deps, {
    name: "neighbours",
    isOurs,
    keyOf: neighbourKey,
    lists: (devices) => devices.map((device) => neighbours({ device })),
    groups: ["neighbour"],
    objectIn: (event) => (event.type === "neighbour" ? event.neighbour : undefined),
    bearsMark: ({ state, flags }) => (state & NeighbourState.permanent) !== 0 && (flags & NeighbourFlag.proxy) === 0,
    itemOf: ({ address, mac }, device) => ({ device, address, mac: mac ?? "" }),
    equal: (desired, actual) => desired.mac === actual.mac,
    set: (item, index) => ({ type: "replaceNeighbour", neighbour: neighbourOf(item, index) }),
    unset: (item, index) => ({ type: "deleteNeighbour", neighbour: neighbourOf(item, index) }),
  });
}

const neighbourOf = ({ address, mac }: NeighbourItem, index: IfIndex): Neighbour => ({
  index,
  address,
  mac,
  state: NeighbourState.permanent,
  flags: 0,
});

/** What an entry without a destination has, which is none of ours: frames would go nowhere. */
const NOWHERE = ipv4Of(0);

/** One MAC has one destination; only the zero MAC, which is no node's, may have several, and goes with all of them. */
export function fdbDriver(deps: DriverDeps, { isOurs }: TunnelDriverOptions): Driver<FdbItem> {
  return new DeviceDriver<FdbItem, ForwardingEntry>(deps, {
    name: "fdb",
    isOurs,
    keyOf: fdbKey,
    lists: (devices) => devices.map((device) => forwarding({ device })),
    groups: ["neighbour"],
    objectIn: (event) => (event.type === "forwarding" ? event.entry : undefined),
    bearsMark: ({ state, flags }) => (state & NeighbourState.permanent) !== 0 && (flags & NeighbourFlag.self) !== 0,
    itemOf: ({ mac, destination }, device) => ({ device, mac, destination: destination ?? NOWHERE }),
    equal: (desired, actual) => desired.destination === actual.destination,
    set: ({ mac, destination }, index) => ({
      type: "replaceForwarding",
      entry: { ...entryOf(mac, index), destination },
    }),
    unset: ({ mac }, index) => ({ type: "deleteForwarding", entry: entryOf(mac, index) }),
  });
}

/** Without a destination: the entry with all of them. */
const entryOf = (mac: string, index: IfIndex): ForwardingEntry => ({
  index,
  mac,
  state: NeighbourState.permanent,
  flags: NeighbourFlag.self,
});
