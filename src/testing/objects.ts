/** Stored objects as Calico writes them, for tests. */
import type { JsonObject } from "../base/json.ts";
import type { Stored } from "../port/store.ts";

let revisions = 0;

export function stored(kind: string, name: string, value: JsonObject, namespace?: string): Stored {
  const key = namespace === undefined ? { kind, name } : { kind, name, namespace };
  return { key, value, revision: String(++revisions) };
}

interface Metadata {
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export const resourceObject = (kind: string, name: string, spec: JsonObject, metadata: Metadata = {}): Stored =>
  stored(
    kind,
    name,
    { kind, apiVersion: "projectcalico.org/v3", metadata: { name, ...metadata }, spec },
    metadata.namespace,
  );

export const poolObject = (name: string, cidr: string, spec: JsonObject = {}): Stored =>
  resourceObject("IPPool", name, {
    cidr,
    ipipMode: "Never",
    vxlanMode: "Always",
    natOutgoing: true,
    nodeSelector: "all()",
    blockSize: 26,
    ...spec,
  });

export const nodeObject = (name: string, ipv4Address: string, ipv4VXLANTunnelAddr?: string): Stored =>
  resourceObject("Node", name, {
    bgp: { ipv4Address },
    ...(ipv4VXLANTunnelAddr === undefined ? {} : { ipv4VXLANTunnelAddr }),
  });

const widthOf = (address: string): number => (address.includes(":") ? 128 : 32);

/** `used`: ordinal → the node that uses the address (and the use of a tunnel address). */
export function blockObject(
  cidr: string,
  owner: string,
  used: Readonly<Record<number, { node: string; type?: string }>> = {},
): Stored {
  const size = 2 ** (widthOf(cidr) - Number(cidr.split("/")[1]));
  const attributes = Object.values(used).map((secondary, index) => ({ handle_id: `handle-${index}`, secondary }));
  const ordinals = Object.keys(used).map(Number);
  return stored("IPAMBlock", cidr, {
    cidr,
    affinity: `host:${owner}`,
    allocations: Array.from({ length: size }, (_, ordinal) => {
      const index = ordinals.indexOf(ordinal);
      return index < 0 ? null : index;
    }),
    unallocated: Array.from({ length: size }, (_, ordinal) => ordinal).filter((ordinal) => !ordinals.includes(ordinal)),
    attributes,
    sequenceNumber: 1_760_000_000_000_000_001n,
    deleted: false,
  });
}

export const endpointObject = (
  node: string,
  pod: string,
  address: string,
  interfaceName: string,
  labels: Readonly<Record<string, string>> = {},
): Stored =>
  resourceObject(
    "WorkloadEndpoint",
    `${node.replaceAll("-", "--")}-k8s-${pod.replaceAll("-", "--")}-eth0`,
    {
      node,
      orchestrator: "k8s",
      pod,
      endpoint: "eth0",
      ipNetworks: [`${address}/${widthOf(address)}`],
      interfaceName,
      profiles: [],
    },
    { namespace: "default", labels },
  );
