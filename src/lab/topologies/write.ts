/** Shorthand for the shipped topologies: addresses as text, and what most hosts have in common. */
import { ipv4Of, parseAddress } from "../../ip/address.ts";
import { parseInterfaceAddress, parsePrefix } from "../../ip/prefix.ts";
import type { PodSpec, RouterNeighbour, Subnet, TopologyHost } from "../topology.ts";

export const subnet = (name: string, router: string, cidr: string, gateway: string): Subnet => ({
  name,
  router,
  cidr: parsePrefix(cidr),
  gateway: parseAddress(gateway),
});

export interface HostText {
  readonly name: string;
  readonly subnet: string;
  readonly address: string;
  readonly nic: string;
  readonly mtu: number;
  readonly metric: number;
  readonly gatewayRoute: boolean;
  readonly docker0?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** A host whose NIC checks source and destination, as clouds do unless told otherwise. */
export const host = (text: HostText): TopologyHost => ({
  name: text.name,
  nic: { name: text.nic, mtu: text.mtu, address: parseAddress(text.address), subnet: text.subnet },
  policy: { sourceDestinationCheck: true, drop: [] },
  gatewayMetric: text.metric,
  gatewayRoute: text.gatewayRoute,
  bridges: text.docker0 === undefined ? [] : [{ name: "docker0", address: parseInterfaceAddress(text.docker0) }],
  env: text.env ?? {},
});

/** A host as a BGP router knows it. */
export const neighbour = (one: TopologyHost, as: number): RouterNeighbour => ({
  address: ipv4Of(Number(one.nic.address)),
  as,
});

/** `NAME` or `NAMESPACE/NAME`. */
export function pod(key: string, onHost: string): PodSpec {
  const [first = "", second] = key.split("/");
  const named = second === undefined ? { namespace: "default", name: first } : { namespace: first, name: second };
  return { ...named, host: onHost, labels: {}, serve: [], probed: true };
}

/** What the Internet answers with in every topology. */
export const OUTSIDE = [parseAddress("8.8.8.8")];
