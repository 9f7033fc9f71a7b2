/** `ocicat ipam show|release|configure`. */
import { Command, Option } from "commander";
import { configure, parseFlag } from "../../ctl/ipam/configure.ts";
import { releaseAddress } from "../../ctl/ipam/release.ts";
import { showAddress, showBorrowed, showConfiguration, showUtilization } from "../../ctl/ipam/show.ts";
import { CommandError } from "../../ctl/verbs/targets.ts";
import type { IpAddress } from "../../ip/address.ts";
import { tryParseAddress } from "../../ip/address.ts";
import type { Store } from "../../port/store.ts";
import { parseCommandLine } from "../command-line.ts";
import type { ProcessHost } from "../process-host.ts";
import { guarded, realWorld, type StoreOptions, type World, withClient, withStoreOptions } from "./session.ts";

interface ShowOptions extends StoreOptions {
  readonly ip?: string;
  readonly showBlocks?: boolean;
  readonly showBorrowed?: boolean;
  readonly showConfiguration?: boolean;
}

interface ConfigureOptions extends StoreOptions {
  readonly strictaffinity?: string;
  readonly maxBlocksPerHost?: string;
  readonly kubevirtIpPersistence?: string;
}

export async function main(args: readonly string[], host: ProcessHost, world = realWorld()): Promise<number> {
  let exitCode = 0;
  const run = (work: () => Promise<number>) => async () => {
    exitCode = await guarded(host, work);
  };
  const command = new Command("ocicat ipam").description("Shows and changes the assignment of addresses.");
  const show = showCommand();
  show.action(run(() => runShow(show.opts<ShowOptions>(), host, world)));
  const release = releaseCommand();
  release.action(run(() => runRelease(release.opts<StoreOptions & { ip: string }>(), host, world)));
  const settings = configureCommand();
  settings.action(run(() => runConfigure(settings.opts<ConfigureOptions>(), host, world)));
  for (const part of [show, release, settings]) command.addCommand(part);
  const ended = await parseCommandLine(command, args, host);
  return ended ?? exitCode;
}

const showCommand = (): Command =>
  withStoreOptions(
    new Command("show")
      .description("Shows how full the pools are, or who uses an address.")
      .addOption(
        new Option("--ip <address>", "who uses this address").conflicts([
          "showBlocks",
          "showBorrowed",
          "showConfiguration",
        ]),
      )
      .addOption(
        new Option("--show-blocks", "also the blocks of each pool").conflicts(["showBorrowed", "showConfiguration"]),
      )
      .addOption(
        new Option("--show-borrowed", "addresses that another node uses than the block's owner").conflicts(
          "showConfiguration",
        ),
      )
      .option("--show-configuration", "how assignment is set up"),
  ).addHelpText(
    "after",
    "\nExamples:\n  ocicat ipam show\n  ocicat ipam show --show-blocks\n  ocicat ipam show --ip 192.168.133.194",
  );

const releaseCommand = (): Command =>
  withStoreOptions(
    new Command("release")
      .description(
        "Takes an address from its holder, so that it can be assigned again. A pod that still uses it keeps it.",
      )
      .requiredOption("--ip <address>", "the address"),
  ).addHelpText("after", "\nExamples:\n  ocicat ipam release --ip 192.168.133.194");

const configureCommand = (): Command =>
  withStoreOptions(
    new Command("configure")
      .description("Changes how addresses are assigned.")
      .option("--strictaffinity <true|false>", "nodes use addresses of their own blocks only")
      .option("--max-blocks-per-host <number>", "blocks that one node may own; 0: the built-in limit of 20")
      .addOption(
        new Option("--kubevirt-ip-persistence <mode>", "keep a virtual machine's address").choices([
          "Enabled",
          "Disabled",
        ]),
      ),
  ).addHelpText("after", "\nExamples:\n  ocicat ipam configure --strictaffinity=true");

function addressOf(text: string): IpAddress {
  const address = tryParseAddress(text);
  if (address !== undefined) return address;
  throw new CommandError("options", `invalid IP address specified: ${text}`, { given: text });
}

async function runShow(options: ShowOptions, host: ProcessHost, world: World): Promise<number> {
  const address = options.ip === undefined ? undefined : addressOf(options.ip);
  const textOf = (store: Store): Promise<string> => {
    if (address !== undefined) return showAddress(store, address);
    if (options.showBorrowed) return showBorrowed(store);
    if (options.showConfiguration) return showConfiguration(store);
    return showUtilization(store, options.showBlocks === true);
  };
  return await withClient({ host, world, options, writes: false }, async ({ client, io }) => {
    io.out(await textOf(client.store));
    return 0;
  });
}

async function runRelease(options: StoreOptions & { ip: string }, host: ProcessHost, world: World): Promise<number> {
  const address = addressOf(options.ip);
  return await withClient({ host, world, options, writes: false }, ({ clientDeps, io }) =>
    releaseAddress(clientDeps, address, io),
  );
}

async function runConfigure(options: ConfigureOptions, host: ProcessHost, world: World): Promise<number> {
  const { strictaffinity, maxBlocksPerHost, kubevirtIpPersistence } = options;
  if (maxBlocksPerHost !== undefined && !/^\d{1,7}$/.test(maxBlocksPerHost))
    throw new CommandError("options", `invalid value. Use a number to set max-blocks-per-host`, {
      given: maxBlocksPerHost,
    });
  const change = {
    strictAffinity: strictaffinity === undefined ? undefined : parseFlag("strictaffinity", strictaffinity),
    maxBlocksPerHost: maxBlocksPerHost === undefined ? undefined : Number(maxBlocksPerHost),
    kubeVirtVMAddressPersistence: kubevirtIpPersistence,
  };
  return await withClient({ host, world, options, writes: true }, async (deps) => {
    await configure(change, deps);
    return 0;
  });
}
