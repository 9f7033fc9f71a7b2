/** How this very ocicat is started again: in a checkout, the pinned Node.js on the sources; installed, on the bundle. */
import type { OcicatCommand } from "../../adapter/lab/programs.ts";

export function ocicatCommand(env: Readonly<Record<string, string | undefined>>): OcicatCommand {
  const main = process.argv[1] ?? "";
  const cache = env["NODE_COMPILE_CACHE"];
  return {
    file: process.execPath,
    args: [...process.execArgv, main],
    env: cache === undefined ? {} : { NODE_COMPILE_CACHE: cache },
  };
}
