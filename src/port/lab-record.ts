/** What a running lab tells about itself in `<lab folder>/lab.json`: enough for every command to reach its parts. */

export interface LabHostRecord {
  readonly name: string;
  /** Of its NIC in the underlay. */
  readonly address: string;
  /** The host's own folders (`etc/cni`, `run/calico` …) as the user's mount namespace sees them. */
  readonly folder: string;
  /** The agent's Unix socket, reachable from any network namespace. */
  readonly agentSocket: string;
}

export interface LabPodRecord {
  readonly namespace: string;
  readonly name: string;
  readonly host: string;
  /** Without prefix length, in the order of the CNI result. */
  readonly addresses: readonly string[];
}

export interface LabRecord {
  readonly version: 1;
  readonly name: string;
  /** Absolute path of the lab's folder. */
  readonly folder: string;
  readonly topology: string;
  /** Of the supervisor, in the user's PID namespace. */
  readonly pid: number;
  /** ISO 8601. */
  readonly startedAt: string;
  /** Absolute path of the store's Unix socket. */
  readonly storeSocket: string;
  /** The store on 127.0.0.1 of the user's own network namespace. */
  readonly storePort: number;
  /** The supervisor's Unix socket: the words of `ocicat lab`. */
  readonly controlSocket: string;
  readonly hosts: readonly LabHostRecord[];
  readonly pods: readonly LabPodRecord[];
}
