/** The topologies that come with ocicat, by name. */
import type { Topology } from "../topology.ts";
import { awsTwoSubnets } from "./aws-two-subnets.ts";
import { kansCrossSubnet, kansRouterPeer } from "./kans-cross-subnet.ts";
import { MOST_HOSTS, manyHosts } from "./many.ts";
import { packetLife } from "./packet-life.ts";
import { reflectors } from "./reflectors.ts";
import { torPerRack, torPerRackMixed } from "./tor-per-rack.ts";

export const shippedTopologies: readonly Topology[] = [
  awsTwoSubnets,
  packetLife,
  kansCrossSubnet,
  kansRouterPeer,
  reflectors,
  torPerRack,
  torPerRackMixed,
];

/** What `shippedTopology` takes, for people. */
export const shippedNames: readonly string[] = [...shippedTopologies.map(({ name }) => name), "many-N"];

/** The topology of that name; `many-N` is generated for N from 2 to 500. Undefined for any other name. */
export function shippedTopology(name: string): Topology | undefined {
  const count = /^many-(\d{1,3})$/.exec(name)?.[1];
  if (count !== undefined && Number(count) >= 2 && Number(count) <= MOST_HOSTS) return manyHosts(Number(count));
  return shippedTopologies.find((topology) => topology.name === name);
}
