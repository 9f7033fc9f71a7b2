/** A host of the lab: its place, its folders, and the agent that runs on it. */
import { formatAddress } from "../ip/address.ts";
import type { HostFolders } from "../port/host-folders.ts";
import type { LabHostRecord } from "../port/lab-record.ts";
import type { Place, Places } from "../port/places.ts";
import { agentEnvironment } from "./agent-environment.ts";
import { Daemon, type DaemonDeps } from "./daemon.ts";
import type { Topology, TopologyHost } from "./topology.ts";

export interface LabHost {
  readonly name: string;
  readonly spec: TopologyHost;
  readonly place: Place;
  /** Root of its own folders, outside. */
  readonly folder: string;
  /** The agent's socket, outside. */
  readonly agentSocket: string;
  readonly agent: Daemon;
}

export interface LabHostDeps extends DaemonDeps {
  readonly places: Places;
  readonly folders: HostFolders;
}

/** Makes the place of a host; its NIC and its agent come later. */
export function makeLabHost(topology: Topology, spec: TopologyHost, deps: LabHostDeps): LabHost {
  const folder = deps.folders.create(spec.name, { hostname: spec.name, hosts: hostsFile(topology) });
  const place = deps.places.make(() => deps.folders.enterHost(folder, spec.name));
  const agent = new Daemon(
    `the agent of ${spec.name}`,
    place,
    { args: ["node"], env: agentEnvironment(topology, spec), logFile: `${folder}/agent.log` },
    deps,
  );
  const agentSocket = deps.folders.outside(folder, "/var/run/calico/ocicat.sock");
  return { name: spec.name, spec, place, folder, agentSocket, agent };
}

/** Every host knows the others by name. */
function hostsFile(topology: Topology): string {
  const others = topology.hosts.map(({ name, nic }) => `${formatAddress(nic.address)}\t${name}`);
  return ["127.0.0.1\tlocalhost", "::1\tlocalhost ip6-localhost ip6-loopback", ...others, ""].join("\n");
}

export const hostRecord = (host: LabHost): LabHostRecord => ({
  name: host.name,
  address: formatAddress(host.spec.nic.address),
  folder: host.folder,
  agentSocket: host.agentSocket,
});
