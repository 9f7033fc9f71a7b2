/** The topology that a command names, one that ships with ocicat or a YAML file, and what of it can be built here. */
import fs from "node:fs";
import path from "node:path";
import { whyNoTap } from "../../adapter/linux/tap-device.ts";
import { CodedError } from "../../base/errors.ts";
import { nearest } from "../../base/nearest.ts";
import { carriedFor, withBackend } from "../../lab/cluster.ts";
import { shippedNames, shippedTopology } from "../../lab/topologies/shipped.ts";
import type { Backend, Topology } from "../../lab/topology.ts";
import { readTopology } from "../../lab/topology-file.ts";
import type { ProcessHost } from "../process-host.ts";
import { userId } from "./user.ts";

export class TopologyError extends CodedError<"noTopology", { name: string }> {}

/** The topology to build for this user, with another backend where one is asked for. Throws as `findTopology`. */
export function topologyToBuild(host: ProcessHost, name: string, backend?: Backend): Topology {
  const named = findTopology(host, name);
  const wanted = backend === undefined ? named : withBackend(named, backend);
  const { topology, note } = carriedFor(wanted, userId() === 0 ? undefined : whyNoTap());
  if (note !== undefined) host.stderr.write(`  ${note}\n`);
  return topology;
}

/** Throws TopologyError for a name that is neither; InputError, YamlFieldError for a file that is wrong. */
function findTopology(host: ProcessHost, name: string): Topology {
  const shipped = shippedTopology(name);
  if (shipped) return shipped;
  const file = path.resolve(host.cwd, name);
  if (/\.(ya?ml|json)$/.test(name) || fs.existsSync(file)) return readTopology(readText(file), name);
  const near = nearest(name, shippedNames);
  const hint = near === undefined ? "" : `; did you mean '${near}'?`;
  throw new TopologyError(
    "noTopology",
    `no topology '${name}' (there is: ${shippedNames.join(", ")}, or a YAML file)${hint}`,
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
