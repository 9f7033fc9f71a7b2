/** What a command is about, as people say it: objects of a kind by name or those that a file names, or one object alone. */
import type { Command } from "commander";
import { type Target, targetsOfNames } from "../../ctl/verbs/targets.ts";
import type { VerbDeps } from "../../ctl/verbs/write-verbs.ts";
import { parseCommandLine } from "../command-line.ts";
import type { ProcessHost } from "../process-host.ts";
import {
  type FileOptions,
  fileTargets,
  guarded,
  type NamespaceOption,
  type StoreOptions,
  type World,
  withClient,
  withFileOptions,
  withNamespaceOption,
  withStoreOptions,
} from "./session.ts";

export type SelectionOptions = FileOptions & NamespaceOption & StoreOptions;
export type SubjectOptions = NamespaceOption & StoreOptions;

const KIND = "kind, plural or alias, in any case";

/** `[KIND] [NAME...]`, files, and the store. */
export const withSelection = (command: Command): Command =>
  withStoreOptions(withNamespaceOption(withFileOptions(command.argument("[KIND]", KIND).argument("[NAME...]"))));

/** What `withSelection` took. Throws ResourceError, InputError. */
export const selectedTargets = async (
  host: ProcessHost,
  options: SelectionOptions,
  [kind, ...names]: readonly string[],
): Promise<Target[]> => (kind === undefined ? await fileTargets(host, options) : targetsOfNames(kind, names));

/** `<KIND> <NAME>`; what else a command takes follows. */
export const withSubject = (command: Command): Command => command.argument("<KIND>", KIND).argument("<NAME>");

export interface Subject {
  readonly kind: string;
  readonly name: string;
}

/** What a command does to its one object. */
export type SubjectWork = (target: Target, subject: Subject, deps: VerbDeps) => Promise<number>;

/**
 * Runs a command about one object. `prepare` reads the options and the arguments behind KIND and NAME before the store is
 * opened. Gives the exit code.
 */
export async function runOnSubject<O extends SubjectOptions>(
  command: Command,
  { args, host, world }: { readonly args: readonly string[]; readonly host: ProcessHost; readonly world: World },
  prepare: (options: O, rest: readonly string[]) => SubjectWork,
): Promise<number> {
  const ended = await parseCommandLine(withStoreOptions(withNamespaceOption(command)), args, host);
  if (ended !== undefined) return ended;
  const [kind = "", name = "", ...rest] = command.args;
  const options = command.opts<O>();
  return await guarded(host, async () => {
    const work = prepare(options, rest);
    const [target] = targetsOfNames(kind, [name]);
    const session = { host, world, options, writes: false };
    return await withClient(session, async (deps) => (target ? await work(target, { kind, name }, deps) : 1));
  });
}
