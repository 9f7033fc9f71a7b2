/** Which running lab a command acts on, and saying so. */
import { labsRoot, listLabs } from "../adapter/lab-directory.ts";
import { CodedError } from "../base/errors.ts";
import type { LabRecord } from "../port/lab-record.ts";
import { userId } from "./lab/user.ts";
import { noLabRuns } from "./no-lab.ts";
import type { ProcessHost } from "./process-host.ts";

export class LabChoiceError extends CodedError<"severalLabs" | "noSuchLab", { labs: readonly string[] }> {}

/**
 * The lab of that name (`OCICAT_LAB` names one too), else the only one that runs, else undefined. Says on stderr which
 * one it is. Throws LabChoiceError when several run and none is named, and for a name that does not run.
 */
export async function chooseLab(host: ProcessHost, name = host.env["OCICAT_LAB"]): Promise<LabRecord | undefined> {
  const running = await listLabs(labsRoot(host.env, userId()));
  const names = running.map((lab) => lab.name);
  if (name) {
    const named = running.find((lab) => lab.name === name);
    if (named) return announced(host, named);
    const others = names.length === 0 ? noLabRuns(host) : `running: ${names.join(", ")}`;
    throw new LabChoiceError("noSuchLab", `no lab '${name}' runs (${others}); 'ocicat lab list' shows them`, {
      labs: names,
    });
  }
  const [only, ...more] = running;
  if (more.length === 0) return only && announced(host, only);
  throw new LabChoiceError(
    "severalLabs",
    `several labs run (${names.join(", ")}); say which with --lab NAME or OCICAT_LAB`,
    { labs: names },
  );
}

function announced(host: ProcessHost, lab: LabRecord): LabRecord {
  const { name, topology, hosts } = lab;
  host.stderr.write(`ocicat: acting on lab '${name}' (${topology}, ${hosts.length} hosts)\n`);
  return lab;
}
