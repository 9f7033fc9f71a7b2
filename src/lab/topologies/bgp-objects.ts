/** Shorthand for the Calico resources that shipped topologies start with. */
import type { JsonObject } from "../../base/json.ts";
import { formatAddress } from "../../ip/address.ts";
import { formatPrefix } from "../../ip/prefix.ts";
import type { Subnet, TopologyHost } from "../topology.ts";

const API_VERSION = "projectcalico.org/v3";

export const resource = (kind: string, name: string, spec: JsonObject): JsonObject => ({
  apiVersion: API_VERSION,
  kind,
  metadata: { name },
  spec,
});

export interface NodeText {
  readonly host: TopologyHost;
  readonly subnet: Subnet;
  readonly labels: Readonly<Record<string, string>>;
  readonly asNumber?: number;
  readonly routeReflectorClusterID?: string;
}

/** A Node before its agent starts, which fills in the rest. */
export const nodeResource = ({ host, subnet, labels, ...bgp }: NodeText): JsonObject => ({
  apiVersion: API_VERSION,
  kind: "Node",
  metadata: { name: host.name, labels },
  spec: {
    bgp: { ...bgp, ipv4Address: formatPrefix({ address: host.nic.address, length: subnet.cidr.length }) },
  },
});

/** The mesh between all nodes, off. */
export const noMesh = resource("BGPConfiguration", "default", { nodeToNodeMeshEnabled: false });

/** Nodes peer with the gateway of their subnet. */
export const gatewayPeer = (subnet: Subnet, nodeSelector: string, more: JsonObject): JsonObject =>
  resource("BGPPeer", `gateway-${subnet.name}`, { nodeSelector, peerIP: formatAddress(subnet.gateway), ...more });
