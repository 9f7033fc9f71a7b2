/** The topology that a command names: one that ships with ocicat, or a YAML file. */
import { CodedError } from "../../base/errors.ts";
import { nearest } from "../../base/nearest.ts";
import { shippedTopologies, shippedTopology } from "../../lab/topologies/shipped.ts";
import type { Topology } from "../../lab/topology.ts";
import type { ProcessHost } from "../process-host.ts";

export class TopologyError extends CodedError<"noTopology", { name: string }> {}

/** Throws TopologyError for a name that is neither. */
export function findTopology(_host: ProcessHost, name: string): Topology {
  const shipped = shippedTopology(name);
  if (shipped) return shipped;
  const known = [...shippedTopologies.map((topology) => topology.name), "many-N"];
  const near = nearest(name, known);
  const hint = near === undefined ? "" : `; did you mean '${near}'?`;
  throw new TopologyError(
    "noTopology",
    `no topology '${name}' (there is: ${known.join(", ")}, or a YAML file)${hint}`,
    {
      name,
    },
  );
}
