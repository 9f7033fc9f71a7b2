/** How this very ocicat is started again: by the script that chooses Node.js and its settings, as a user does. */
import path from "node:path";
import type { OcicatCommand } from "../../adapter/lab/programs.ts";

export function ocicatCommand(env: Readonly<Record<string, string | undefined>>): OcicatCommand {
  const cache = env["NODE_COMPILE_CACHE"];
  return {
    file: path.resolve(import.meta.dirname, "../../../bin/ocicat"),
    args: [],
    env: cache === undefined ? {} : { NODE_COMPILE_CACHE: cache },
  };
}
