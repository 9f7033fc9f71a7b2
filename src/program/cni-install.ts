/**
 * `ocicat cni-install`: puts the plugin and its configuration on a host, as Calico's install-cni does: `calico`,
 * `calico-ipam` and `install` into the plugin folder, `10-calico.conflist` beside the runtime's other configurations.
 * Every other file there stays as it is. The agent calls `installCni` at its start.
 */
import os from "node:os";
import path from "node:path";
import { Command } from "commander";
import { exists, firstFile, putFile, removeFile } from "../adapter/cni/install-files.ts";
import { CodedError } from "../base/errors.ts";
import { CHAINED_PLUGINS, DEFAULT_VARIABLES, defaultTemplate, renderConflist } from "../cni/conflist.ts";
import { emitPlugin, isSupportedProcessor } from "../cni/plugin/emit.ts";
import { DEFAULT_AGENT_SOCKET } from "./cni.ts";
import { parseCommandLine } from "./command-line.ts";
import type { ProcessHost } from "./process-host.ts";

export class InstallError extends CodedError<
  "unsupportedProcessor" | "notWritable" | "noTemplate",
  { path?: string }
> {}

export interface InstallOptions {
  /** What every path below stands under; `/` on a host. */
  readonly root: string;
  /** The agent's socket as processes of the host see it. */
  readonly socketPath: string;
  readonly nodeName: string;
  /** `CNI_*`, `DATASTORE_TYPE`, `SKIP_CNI_BINARIES` …, as Calico's installer takes them. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Default: as Node.js names this machine's. */
  readonly processor?: string;
  /**
   * What becomes of chained plugins (portmap, bandwidth) that the host has nowhere: `omit` leaves them out of the
   * configuration, since a runtime refuses a chain with a missing link; `keep` names them all the same.
   */
  readonly missingPlugins?: "omit" | "keep";
}

export interface InstallReport {
  /** Files that were written; the others were right already. */
  readonly written: readonly string[];
  /** Chained plugins that the configuration leaves out, or names though they are missing. */
  readonly missing: readonly string[];
}

const BIN_FOLDER = "/opt/cni/bin";
/** Where distributions put the standard plugins. */
const STANDARD_FOLDERS = ["/usr/lib/cni", "/usr/libexec/cni"];
const OWN_PLUGINS = ["calico", "calico-ipam", "install"] as const;

/** Throws InstallError, ConflistError, PluginError. */
export function installCni(options: InstallOptions): InstallReport {
  const { root, env } = options;
  const processor = options.processor ?? process.arch;
  if (!isSupportedProcessor(processor)) {
    const message = `no plugin executable for processor '${processor}'; use 'ocicat cni' as the plugin there`;
    throw new InstallError("unsupportedProcessor", message, {});
  }
  const at = (file: string): string => path.join(root, file);
  const netFolder = env["CNI_NET_DIR"] ?? "/etc/cni/net.d";
  const skipped = (env["SKIP_CNI_BINARIES"] ?? "").split(",").map((name) => name.trim());
  const written: string[] = [];
  const put = (file: string, content: Uint8Array, mode: number): void => {
    try {
      if (putFile({ path: at(file), content, mode }) === "written") written.push(file);
    } catch (failure) {
      throw new InstallError("notWritable", `cannot write ${at(file)}`, { path: at(file) }, { cause: failure });
    }
  };
  if (env["UPDATE_CNI_BINARIES"] !== "false" || !OWN_PLUGINS.every((name) => exists(at(`${BIN_FOLDER}/${name}`)))) {
    const executable = emitPlugin(processor, options.socketPath);
    for (const name of OWN_PLUGINS) if (!skipped.includes(name)) put(`${BIN_FOLDER}/${name}`, executable, 0o755);
  }
  const missing: string[] = [];
  for (const name of CHAINED_PLUGINS) {
    if (exists(at(`${BIN_FOLDER}/${name}`))) continue;
    const found = skipped.includes(name)
      ? undefined
      : firstFile(STANDARD_FOLDERS.map((folder) => at(`${folder}/${name}`)));
    if (found) put(`${BIN_FOLDER}/${name}`, found, 0o755);
    else missing.push(name);
  }
  const name = env["CNI_CONF_NAME"] ?? "10-calico.conflist";
  put(`${netFolder}/${name}`, Buffer.from(conflist(options, missing)), 0o600);
  const old = env["CNI_OLD_CONF_NAME"];
  if (old !== undefined && old !== "" && old !== name) removeFile(at(path.join(netFolder, path.basename(old))));
  return { written, missing };
}

function conflist({ env, nodeName, root, missingPlugins }: InstallOptions, missing: readonly string[]): string {
  const chained = CHAINED_PLUGINS.filter((name) => missingPlugins === "keep" || !missing.includes(name));
  const datastore = env["DATASTORE_TYPE"] === "kubernetes" ? "kubernetes" : "etcdv3";
  const given = Object.fromEntries(
    Object.keys(DEFAULT_VARIABLES).flatMap((key) => {
      const value = env[key];
      return value === undefined || value === "" ? [] : [[key, value]];
    }),
  );
  const variables = { ...DEFAULT_VARIABLES, ...given, DATASTORE_TYPE: datastore, KUBERNETES_NODE_NAME: nodeName };
  const file = env["CNI_NETWORK_CONFIG_FILE"];
  if (file === undefined || file === "") {
    return renderConflist(env["CNI_NETWORK_CONFIG"] || defaultTemplate(chained, datastore === "kubernetes"), variables);
  }
  const template = firstFile([path.join(root, file)]);
  if (template) return renderConflist(Buffer.from(template).toString("utf8"), variables);
  throw new InstallError("noTemplate", `CNI_NETWORK_CONFIG_FILE names ${file}, which does not exist`, { path: file });
}

interface Flags {
  readonly root: string;
  readonly socket: string;
  readonly node?: string;
}

export async function main(args: readonly string[], host: ProcessHost): Promise<number> {
  let exitCode = 0;
  const command = new Command("ocicat cni-install")
    .description("Puts the CNI plugin and its configuration on this host, as Calico's install-cni does.")
    .option("--root <folder>", "what all paths stand under", "/")
    .option("--socket <path>", "the agent's socket", DEFAULT_AGENT_SOCKET)
    .option("--node <name>", "the node's name (default: NODENAME, or this host's name)")
    .addHelpText(
      "after",
      `
Environment, as Calico's installer takes it: CNI_NET_DIR, CNI_CONF_NAME, CNI_OLD_CONF_NAME, CNI_NETWORK_CONFIG,
CNI_NETWORK_CONFIG_FILE, CNI_MTU, LOG_LEVEL, DATASTORE_TYPE, SKIP_CNI_BINARIES, UPDATE_CNI_BINARIES.

Examples:
  ocicat cni-install
  CNI_MTU=1440 ocicat cni-install --node controlplane`,
    )
    .action((flags: Flags) => {
      const nodeName = flags.node ?? host.env["NODENAME"] ?? os.hostname().toLowerCase();
      const report = installCni({ root: flags.root, socketPath: flags.socket, nodeName, env: host.env });
      host.stdout.write(`${describeInstall(report)}\n`);
      exitCode = 0;
    });
  return (await parseCommandLine(command, args, host)) ?? exitCode;
}

/** What was done, for people. */
export function describeInstall({ written, missing }: InstallReport): string {
  const done = written.length === 0 ? "everything is in place already" : `written: ${written.join(", ")}`;
  if (missing.length === 0) return done;
  return `${done}\nnot on this host: ${missing.join(", ")} (Debian: apt install containernetworking-plugins)`;
}
