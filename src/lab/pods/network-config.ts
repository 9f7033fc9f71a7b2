/**
 * The network configuration that a container runtime takes: the first file, by name, of /etc/cni/net.d. CNI
 * specification 1.1, section 1; file choice as containerd's go-cni does it.
 */

import { CodedError, messageOf } from "../../base/errors.ts";
import { type JsonObject, parseJson } from "../../base/json.ts";
import { isObject } from "../../base/json-fields.ts";

export const CONFIG_FOLDER = "/etc/cni/net.d";
export const PLUGIN_FOLDER = "/opt/cni/bin";

export interface NetworkConfigList {
  readonly file: string;
  readonly name: string;
  readonly cniVersion: string;
  readonly plugins: readonly JsonObject[];
}

export class NetworkConfigError extends CodedError<"noNetwork" | "badNetwork", { file?: string }> {}

const EXTENSIONS = [".conflist", ".conf", ".json"];

const isConfigFile = (name: string): boolean => EXTENSIONS.some((extension) => name.endsWith(extension));

/** Whether a runtime would find a network configuration among these names: the host is ready for pods. */
export const hasNetworkConfig = (names: readonly string[]): boolean => names.some(isConfigFile);

/** Throws NetworkConfigError: `noNetwork` when there is no file, `badNetwork` when the first one is malformed. */
export function readNetworkConfig(
  names: readonly string[],
  read: (file: string) => string | undefined,
): NetworkConfigList {
  const name = [...names].sort().find(isConfigFile);
  if (name === undefined) {
    throw new NetworkConfigError("noNetwork", `no network configuration in ${CONFIG_FOLDER}`, {});
  }
  const file = `${CONFIG_FOLDER}/${name}`;
  return parseNetworkConfig(file, read(file) ?? "");
}

function parseNetworkConfig(file: string, text: string): NetworkConfigList {
  const bad = (why: string) => new NetworkConfigError("badNetwork", `${file}: ${why}`, { file });
  let json: unknown;
  try {
    json = parseJson(text);
  } catch (failure) {
    throw bad(messageOf(failure));
  }
  if (!isObject(json)) throw bad("not a JSON object");
  const { name, cniVersion = "0.1.0" } = json;
  // A file that describes one plugin is a list of that one.
  const plugins = file.endsWith(".conflist") ? json["plugins"] : [json];
  if (typeof name !== "string" || name === "") throw bad("'name' is missing");
  if (typeof cniVersion !== "string") throw bad("'cniVersion' is not text");
  if (!Array.isArray(plugins) || plugins.length === 0) throw bad("'plugins' is not a list with at least one plugin");
  for (const [index, plugin] of plugins.entries()) {
    if (!isObject(plugin) || typeof plugin["type"] !== "string") throw bad(`plugins[${index}].type is missing`);
  }
  return { file, name, cniVersion, plugins };
}
