/** That no lab runs, in words: this user's, while one of root's may. */
import { mayHoldLabs, ROOTS_LABS } from "../adapter/lab-directory.ts";
import { userId } from "./lab/user.ts";
import type { ProcessHost } from "./process-host.ts";

/** Begins a sentence or stands in one. Who names a folder of labs means those, and no others. */
export function noLabRuns({ env }: ProcessHost, rootsLabs = ROOTS_LABS): string {
  if (userId() === 0 || env["OCICAT_LAB_DIR"] || !mayHoldLabs(rootsLabs)) return "no lab runs";
  return "no lab of this user runs, but one of root's may, which the same command reaches with 'sudo'";
}
