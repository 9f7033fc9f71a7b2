/** Commander on a ProcessHost: its words go to the host's streams, and it never ends the process. */
import { type Command, CommanderError, Option } from "commander";
import { EXIT_USAGE } from "./exit-codes.ts";
import type { ProcessHost } from "./process-host.ts";

/** Text for people, or all of it for programs; any other word is refused. */
export const jsonOutput = (): Option =>
  new Option("-o, --output <format>", "everything, as one document").choices(["json"]);

/**
 * Parses the arguments and runs the action of the (sub)command they name. Gives the exit code where commander has said
 * all there is to say (help: 0, wrong usage: 2), undefined where the caller goes on.
 */
export async function parseCommandLine(
  command: Command,
  args: readonly string[],
  host: ProcessHost,
): Promise<number | undefined> {
  for (const one of [command, ...command.commands]) {
    one.exitOverride().configureOutput({
      writeOut: (text) => host.stdout.write(text),
      writeErr: (text) => host.stderr.write(text),
      getOutHelpWidth: () => host.stdout.columns ?? 100,
    });
  }
  try {
    await command.parseAsync(args, { from: "user" });
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    return thrown.exitCode === 0 ? 0 : EXIT_USAGE;
  }
}
