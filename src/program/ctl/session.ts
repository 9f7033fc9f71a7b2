/** What all resource commands share: their options, the store they open and close, and how refusals are printed. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { SystemClock, SystemWallClock } from "../../adapter/clock.ts";
import { StreamLog } from "../../adapter/log.ts";
import { SystemRandom } from "../../adapter/random.ts";
import { CodedError } from "../../base/errors.ts";
import { CALICO_VERSION } from "../../base/version.ts";
import { checkVersion, VersionError } from "../../ctl/cluster-version.ts";
import { ensureInitialized } from "../../ctl/ensure-initialized.ts";
import { FormatError } from "../../ctl/output/format.ts";
import { type ClientDeps, ResourceClient } from "../../ctl/resource-client.ts";
import type { Io } from "../../ctl/verbs/outcome.ts";
import { CommandError, type Target, targetsOfTexts } from "../../ctl/verbs/targets.ts";
import type { VerbDeps } from "../../ctl/verbs/write-verbs.ts";
import type { Clock } from "../../port/clock.ts";
import { StoreError } from "../../port/store.ts";
import { InputError } from "../../resources/input/yaml.ts";
import { ResourceError } from "../../resources/problems.ts";
import { connectStore, type OpenStore } from "../connect-store.ts";
import { EXIT_FAILED } from "../exit-codes.ts";
import type { ProcessHost } from "../process-host.ts";
import { FileError, readInputs } from "./inputs.ts";

/** What tests replace. */
export interface World {
  readonly open: OpenStore;
  readonly clock: Clock;
}

export const realWorld = (): World => ({ open: connectStore, clock: new SystemClock() });

export interface StoreOptions {
  readonly config?: string;
  readonly lab?: string;
  readonly allowVersionMismatch?: boolean;
}

export interface FileOptions {
  readonly filename?: string;
  readonly recursive?: boolean;
  readonly skipEmpty?: boolean;
}

export interface NamespaceOption {
  readonly namespace?: string;
}

/** Options of every command that asks the store. */
export const withStoreOptions = (command: Command): Command =>
  command
    .option("-c, --config <file>", "connection settings (default: /etc/calico/calicoctl.cfg, if it exists)")
    .option("--lab <name>", "the lab to act on, when several run")
    .option("--allow-version-mismatch", "go on although client and cluster are of different versions")
    .addOption(new Option("--context <context>", "for a Kubernetes datastore").hideHelp())
    .addOption(new Option("-l, --log-level <level>", "as calicoctl takes it").hideHelp());

export const withFileOptions = (command: Command): Command =>
  command
    .option("-f, --filename <file>", "file or folder to read objects from; - for standard input", onlyOne)
    .option("-R, --recursive", "also the folders below")
    .option("--skip-empty", "an empty file or folder is no error");

/** Commander keeps the last of several, and what the others name would be left out without a word. */
function onlyOne(file: string, before: string | undefined): string {
  if (before === undefined) return file;
  throw new InvalidArgumentError(`'${before}' stands before it: name one folder, or run the command for each file.`);
}

export const withNamespaceOption = (command: Command): Command =>
  command.option("-n, --namespace <namespace>", "namespace of namespaced kinds (default: default)");

export const ioOf = (host: ProcessHost): Io => ({
  out: (text) => void host.stdout.write(text),
  err: (text) => void host.stderr.write(text),
});

/** The objects of `-f`. Throws what `report` prints. */
export async function fileTargets(host: ProcessHost, options: FileOptions): Promise<Target[]> {
  const inputs = await readInputs(host, options.filename ?? "-", options.recursive === true);
  return targetsOfTexts(inputs, options.skipEmpty === true);
}

export interface Session {
  readonly host: ProcessHost;
  readonly world: World;
  readonly options: StoreOptions;
  /** Before the first write a cluster gets its identity. */
  readonly writes: boolean;
}

/** Opens the store, checks the version, does the work, closes the store. Gives the exit code. */
export async function withClient(
  { host, world, options, writes }: Session,
  work: (deps: VerbDeps & { readonly clientDeps: ClientDeps }) => Promise<number>,
): Promise<number> {
  const store = await world.open(host, { config: options.config, lab: options.lab }, world.clock);
  const wallClock = new SystemWallClock();
  const log = new StreamLog({ stream: host.stderr, clock: wallClock, level: "error", isTerminal: true });
  const clientDeps: ClientDeps = { store, clock: world.clock, wallClock, random: new SystemRandom(), log };
  try {
    if (!options.allowVersionMismatch) await checkVersion(store, CALICO_VERSION);
    if (writes) await ensureInitialized(clientDeps);
    return await work({ client: new ResourceClient(clientDeps), io: ioOf(host), clientDeps });
  } finally {
    await store.close();
  }
}

/**
 * Runs a command's work and prints what refuses the command as a whole, in calicoctl's manner. `prefix` stands before
 * refusals of the command line, as `get` has it.
 */
export async function guarded(host: ProcessHost, work: () => Promise<number>, prefix = ""): Promise<number> {
  try {
    return await work();
  } catch (error) {
    const text = refusalText(error, prefix);
    if (text === undefined) throw error;
    host.stderr.write(`${text}\n`);
    return EXIT_FAILED;
  }
}

function refusalText(error: unknown, prefix: string): string | undefined {
  if (!(error instanceof CodedError) || error instanceof StoreError) return undefined;
  if (error instanceof InputError || error instanceof FileError) return `failed to execute command: ${error.message}`;
  if (error instanceof CommandError && error.code === "kind") return `${prefix}${error.message}`;
  const isOurs = [CommandError, VersionError, FormatError, ResourceError].some((type) => error instanceof type);
  return isOurs ? error.message : undefined;
}
