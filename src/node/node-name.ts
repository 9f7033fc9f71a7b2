/** The node's name, in Calico's order: NODENAME, the file that the last start wrote, HOSTNAME, the host's own name. */
import type { NodeEnvironment } from "./environment.ts";
import { NodeStartError } from "./errors.ts";

export interface NodeName {
  readonly name: string;
  /** For people. */
  readonly source: string;
}

interface NameSources {
  readonly environment: Pick<NodeEnvironment, "nodeName" | "hostname">;
  /** Of `/var/lib/calico/nodename`. */
  readonly file: string | undefined;
  readonly hostname: string;
}

/** Throws NodeStartError `noNodeName` when nobody has one. */
export function chooseNodeName({ environment, file, hostname }: NameSources): NodeName {
  const own = hostname.trim().toLowerCase();
  const candidates = [
    { name: environment.nodeName, source: "NODENAME of the environment" },
    { name: file, source: "/var/lib/calico/nodename" },
    { name: environment.hostname, source: "HOSTNAME of the environment" },
    { name: own === "" ? undefined : own, source: "the host's name" },
  ];
  for (const { name, source } of candidates) if (name !== undefined) return { name, source };
  throw new NodeStartError("noNodeName", "the node has no name: set NODENAME, or a host name", { subject: "NODENAME" });
}
