/** Which lab a word means: as every command finds it, and there must be one. */
import { CodedError } from "../../base/errors.ts";
import type { LabRecord } from "../../port/lab-record.ts";
import { chooseLab } from "../choose-lab.ts";
import { noLabRuns } from "../no-lab.ts";
import type { ProcessHost } from "../process-host.ts";

export class WhichLabError extends CodedError<"noLab", object> {}

/** Rejects with LabChoiceError, and with WhichLabError when none runs. */
export async function whichLab(host: ProcessHost, named: string | undefined): Promise<LabRecord> {
  const lab = await chooseLab(host, named ?? host.env["OCICAT_LAB"]);
  if (lab) return lab;
  throw new WhichLabError("noLab", `${noLabRuns(host)}; 'npm start' or 'ocicat lab up aws-two-subnets' starts one`, {});
}
