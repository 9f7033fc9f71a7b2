/** The topology that a command names: one that ships with ocicat, or a YAML file. */
import fs from "node:fs";
import path from "node:path";
import { CodedError } from "../../base/errors.ts";
import { nearest } from "../../base/nearest.ts";
import { shippedTopologies, shippedTopology } from "../../lab/topologies/shipped.ts";
import type { Topology } from "../../lab/topology.ts";
import { readTopology } from "../../lab/topology-file.ts";
import type { ProcessHost } from "../process-host.ts";

export class TopologyError extends CodedError<"noTopology", { name: string }> {}

/** Throws TopologyError for a name that is neither; InputError, YamlFieldError for a file that is wrong. */
export function findTopology(host: ProcessHost, name: string): Topology {
  const shipped = shippedTopology(name);
  if (shipped) return shipped;
  const file = path.resolve(host.cwd, name);
  if (/\.(ya?ml|json)$/.test(name) || fs.existsSync(file)) return readTopology(readText(file), name);
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

function readText(file: string): string {
  try {
    return fs.readFileSync(file, "utf8");
  } catch (cause) {
    throw new TopologyError("noTopology", `cannot read ${file}`, { name: file }, { cause });
  }
}
