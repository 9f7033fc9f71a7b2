/**
 * What a container runtime does to give a pod its network: executes each plugin of the host's network configuration
 * in turn, the result of one handed to the next. CNI specification 1.1, sections 2 to 4.
 */
import { CodedError } from "../../base/errors.ts";
import { formatJson, type JsonObject, parseJson } from "../../base/json.ts";
import type { PlaceFiles } from "../../port/place-files.ts";
import type { Place } from "../../port/places.ts";
import type { ExecutionResult, Programs } from "../../port/programs.ts";
import { CONFIG_FOLDER, type NetworkConfigList, PLUGIN_FOLDER, readNetworkConfig } from "./network-config.ts";

/** A pod as a runtime names it. */
export interface Sandbox {
  readonly namespace: string;
  readonly name: string;
  /** 64 hex digits. */
  readonly containerId: string;
  /** The network namespace's path on the host. */
  readonly netns: string;
  /** Address asked for. */
  readonly address?: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface CniDeps {
  readonly programs: Pick<Programs, "execute">;
  readonly files: PlaceFiles;
}

export class CniError extends CodedError<"cni", { plugin: string; command: string; cniCode?: number | undefined }> {}

type Command = "ADD" | "CHECK" | "DEL";

/** As long as kubelet would wait for a sandbox is too long to look at. */
const PLUGIN_TIMEOUT_MS = 60_000;
const DEVICE = "eth0";

export class CniRuntime {
  readonly #deps: CniDeps;

  constructor(deps: CniDeps) {
    this.#deps = deps;
  }

  /** The network configuration of a host as it is now. Throws NetworkConfigError. */
  config(host: Place): NetworkConfigList {
    const { files } = this.#deps;
    return readNetworkConfig(files.list(host, CONFIG_FOLDER), (file) => files.read(host, file));
  }

  /** Runs ADD of the whole chain and gives the last result. Rejects with CniError, NetworkConfigError, ProgramError. */
  async add(host: Place, sandbox: Sandbox): Promise<JsonObject> {
    const config = this.config(host);
    let result: JsonObject | undefined;
    for (const plugin of this.#installed(host, config)) {
      result = await this.#execute(host, "ADD", sandbox, configFor(config, plugin, sandbox, result));
    }
    if (!result)
      throw new CniError("cni", `${config.file} has no plugin that is installed`, { plugin: "", command: "ADD" });
    return result;
  }

  /** Runs CHECK of the whole chain with the result that ADD gave. */
  async check(host: Place, sandbox: Sandbox, result: JsonObject): Promise<void> {
    const config = this.config(host);
    for (const plugin of this.#installed(host, config)) {
      await this.#execute(host, "CHECK", sandbox, configFor(config, plugin, sandbox, result));
    }
  }

  /** Runs DEL of the whole chain, last plugin first. */
  async remove(host: Place, sandbox: Sandbox, result: JsonObject | undefined): Promise<void> {
    const config = this.config(host);
    for (const plugin of this.#installed(host, config).reverse()) {
      await this.#execute(host, "DEL", sandbox, configFor(config, plugin, sandbox, result));
    }
  }

  /**
   * A plugin that only serves a capability nobody asks for (portmap, bandwidth) may be missing: no pod of the lab asks
   * for port mappings or bandwidth, and the standard plugins are no part of ocicat.
   */
  #installed(host: Place, config: NetworkConfigList): JsonObject[] {
    return config.plugins.filter(
      (plugin, index) =>
        index === 0 ||
        plugin["capabilities"] === undefined ||
        this.#deps.files.isExecutable(host, `${PLUGIN_FOLDER}/${String(plugin["type"])}`),
    );
  }

  async #execute(host: Place, command: Command, sandbox: Sandbox, config: JsonObject): Promise<JsonObject | undefined> {
    const plugin = String(config["type"]);
    const result = await this.#deps.programs.execute(host, {
      file: `${PLUGIN_FOLDER}/${plugin}`,
      env: environment(command, sandbox),
      stdin: formatJson(config),
      timeoutMs: PLUGIN_TIMEOUT_MS,
    });
    if (result.code === 0) return result.stdout.trim() === "" ? undefined : (parseJson(result.stdout) as JsonObject);
    throw refusal(plugin, command, result);
  }
}

function environment(command: Command, sandbox: Sandbox): Record<string, string> {
  const args = [
    "IgnoreUnknown=1",
    `K8S_POD_NAMESPACE=${sandbox.namespace}`,
    `K8S_POD_NAME=${sandbox.name}`,
    `K8S_POD_INFRA_CONTAINER_ID=${sandbox.containerId}`,
    ...(sandbox.address === undefined ? [] : [`IP=${sandbox.address}`]),
  ];
  return {
    CNI_COMMAND: command,
    CNI_CONTAINERID: sandbox.containerId,
    CNI_NETNS: sandbox.netns,
    CNI_IFNAME: DEVICE,
    CNI_PATH: PLUGIN_FOLDER,
    CNI_ARGS: args.join(";"),
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  };
}

/** Labels travel by CNI's convention `args.cni.labels`. */
function configFor(
  config: NetworkConfigList,
  plugin: JsonObject,
  sandbox: Sandbox,
  previous: JsonObject | undefined,
): JsonObject {
  const labels = Object.entries(sandbox.labels).map(([key, value]) => ({ key, value }));
  return {
    ...plugin,
    name: config.name,
    cniVersion: config.cniVersion,
    ...(labels.length === 0 ? {} : { args: { cni: { labels } } }),
    ...(previous === undefined ? {} : { prevResult: previous }),
  };
}

/** A plugin says why it refuses as JSON on its standard output; one that crashes says it, if at all, on the other. */
function refusal(plugin: string, command: Command, result: ExecutionResult): CniError {
  let said = result.stderr.trim() || result.stdout.trim();
  let cniCode: number | undefined;
  try {
    const answer = parseJson(result.stdout) as { code?: number; msg?: string; details?: string };
    cniCode = answer.code;
    said = [answer.msg, answer.details].filter(Boolean).join(": ");
  } catch {
    // Not JSON: what it said stands as it is.
  }
  const how = result.code === undefined ? `ended by ${result.signal}` : `exit code ${result.code}`;
  const why = said === "" ? how : said;
  return new CniError("cni", `plugin ${plugin} refuses ${command}: ${why}`, { plugin, command, cniCode });
}

/** Addresses of a CNI result (any version from 0.3.0), without their prefix lengths. */
export function resultAddresses(result: JsonObject): string[] {
  const ips = result["ips"];
  if (!Array.isArray(ips)) return [];
  return ips.flatMap((ip: JsonObject) => {
    const address = ip["address"];
    return typeof address === "string" ? [address.split("/")[0] ?? address] : [];
  });
}
