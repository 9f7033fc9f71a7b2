/** A node with backend bird and what it knows, filled from stored objects as an agent fills it. */
import type { Json } from "../base/json.ts";
import { Compiler } from "../compile/incremental.ts";
import type { RouteItem } from "../compile/node-state.ts";
import type { Local } from "../compile/view.ts";
import { Intent } from "../dataplane/intent.ts";
import { parseAddress } from "../ip/address.ts";
import { parseInterfaceAddress } from "../ip/prefix.ts";
import type { Stored } from "../port/store.ts";
import { blockObject, endpointObject, poolObject, resourceObject } from "./objects.ts";
import { SilentLog } from "./silent-log.ts";

export interface BgpWorld {
  readonly compiler: Compiler;
  readonly intent: Intent;
  put(...objects: readonly Stored[]): void;
}

export const birdLocal = (node: string, address: string, device: string): Local => ({
  node,
  backend: "bird",
  address: { ...parseInterfaceAddress(address), device },
  vxlan: { vni: 4096, port: 4789, mtu: 1450 },
  ipip: { mtu: 1480 },
  rpFilter: "0",
  deviceRouteProtocol: 3,
  ipForwarding: true,
});

export function bgpWorld(local: Local, objects: readonly Stored[] = []): BgpWorld {
  const compiler = new Compiler(local);
  const intent = new Intent(compiler.view, compiler.touch, { stage: (_name, pool) => pool, log: new SilentLog() });
  const put = (...changed: readonly Stored[]): void => {
    for (const object of changed) intent.event({ type: "changed", object });
  };
  put(...objects);
  return { compiler, intent, put };
}

/** A Node with an IP-in-IP tunnel address. */
export const bgpNodeObject = (
  name: string,
  ipv4Address: string,
  ipv4IPIPTunnelAddr: string,
  bgp: Readonly<Record<string, Json>> = {},
  labels: Readonly<Record<string, string>> = {},
): Stored => resourceObject("Node", name, { bgp: { ipv4Address, ipv4IPIPTunnelAddr, ...bgp } }, { labels });

/** Founding scenario A: a pool, four nodes in two subnets, their blocks, a pod on worker-1. */
export const awsObjects = (ipipMode: string): readonly Stored[] => [
  poolObject("default-ipv4-ippool", "192.168.0.0/16", { ipipMode, vxlanMode: "Never" }),
  bgpNodeObject("master", "10.30.0.136/24", "192.168.219.64"),
  bgpNodeObject("worker-1", "10.30.0.206/24", "192.168.226.64"),
  bgpNodeObject("worker-2", "10.30.0.56/24", "192.168.133.192"),
  bgpNodeObject("worker-3", "10.30.1.66/24", "192.168.97.192"),
  blockObject("192.168.219.64/26", "master"),
  blockObject("192.168.226.64/26", "worker-1"),
  blockObject("192.168.133.192/26", "worker-2"),
  blockObject("192.168.97.192/26", "worker-3"),
  endpointObject("worker-1", "pod-1", "192.168.226.65", "cali0a1b2c3d4e5"),
];

/** A route that the host had before, as `DESTINATION [via GATEWAY] dev DEVICE`. */
export function hostRouteItem(text: string): RouteItem {
  const [, destination = "", gateway, device = ""] = /^(\S+)(?: via (\S+))? dev (\S+)$/.exec(text) ?? [];
  return {
    table: 254,
    destination: destination === "default" ? "0.0.0.0/0" : destination,
    type: "unicast",
    protocol: gateway === undefined ? 2 : 3,
    scope: gateway === undefined ? 253 : 0,
    metric: 0,
    nextHops: [{ device, ...(gateway === undefined ? {} : { gateway: parseAddress(gateway) }) }],
  };
}
