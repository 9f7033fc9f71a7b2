/** Processes of a lab end with what started them: the environment names it. */
import { dieWithParent as bindToParent } from "../adapter/linux/process.ts";
import { PARENT_VARIABLE } from "../port/programs.ts";
import type { ProcessHost } from "./process-host.ts";

/** Where the environment names a parent, this process ends when that one does. */
export function dieWithParent(host: ProcessHost): void {
  const parent = host.env[PARENT_VARIABLE];
  if (parent !== undefined) bindToParent(Number(parent));
}
