/**
 * The network configuration that the installer writes: Calico's `10-calico.conflist`, from a built-in template or from
 * one of the user's with Calico's placeholders (`__CNI_MTU__`).
 */
import { CodedError } from "../base/errors.ts";
import { formatJson, type Json, type JsonObject, parseJson } from "../base/json.ts";

class ConflistError extends CodedError<"badTemplate", { variables: readonly string[] }> {}

/** Names without their underscores: `CNI_MTU`. */
export type Variables = Readonly<Record<string, string>>;

export const DEFAULT_VARIABLES: Variables = {
  LOG_LEVEL: "info",
  LOG_FILE_PATH: "/var/log/calico/cni/cni.log",
  LOG_FILE_MAX_SIZE: "100",
  LOG_FILE_MAX_AGE: "30",
  LOG_FILE_MAX_COUNT: "10",
  DATASTORE_TYPE: "etcdv3",
  CNI_MTU: "0",
  KUBECONFIG_FILEPATH: "/etc/cni/net.d/calico-kubeconfig",
  REQUIRE_MTU_FILE: "false",
};

/** Plugins of the default chain that come with the host, not with us. */
export const CHAINED_PLUGINS = ["portmap", "bandwidth"] as const;

/** The default chain; `chained` are those of `CHAINED_PLUGINS` that it shall name. */
export function defaultTemplate(chained: readonly string[], usesKubernetes: boolean): string {
  const calico = {
    type: "calico",
    log_level: "__LOG_LEVEL__",
    log_file_path: "__LOG_FILE_PATH__",
    datastore_type: "__DATASTORE_TYPE__",
    nodename: "__KUBERNETES_NODE_NAME__",
    mtu: "__CNI_MTU__",
    ipam: { type: "calico-ipam" },
    policy: { type: "k8s" },
    ...(usesKubernetes ? { kubernetes: { kubeconfig: "__KUBECONFIG_FILEPATH__" } } : {}),
  };
  const others: Record<string, JsonObject> = {
    portmap: { type: "portmap", snat: true, capabilities: { portMappings: true } },
    bandwidth: { type: "bandwidth", capabilities: { bandwidth: true } },
  };
  const plugins = [calico, ...chained.flatMap((name) => others[name] ?? [])];
  const text = formatJson({ name: "k8s-pod-network", cniVersion: "0.3.1", plugins }, 2);
  return text.replace('"__CNI_MTU__"', "__CNI_MTU__");
}

/** The template with its placeholders filled in, laid out anew. Throws ConflistError. */
export function renderConflist(template: string, variables: Variables): string {
  const unknown = new Set<string>();
  const filled = template.replaceAll(/__([A-Z0-9_]+?)__/g, (whole, name: string) => {
    const value = variables[name];
    if (value === undefined) unknown.add(whole);
    return value === undefined ? whole : escaped(value);
  });
  if (unknown.size > 0) {
    const names = [...unknown];
    const message = `the CNI configuration template has placeholders that nothing fills: ${names.join(", ")}`;
    throw new ConflistError("badTemplate", message, { variables: names });
  }
  let value: Json;
  try {
    value = parseJson(filled);
  } catch (failure) {
    const message = `the CNI configuration is no JSON once its placeholders are filled in: ${(failure as Error).message}`;
    throw new ConflistError("badTemplate", message, { variables: [] }, { cause: failure });
  }
  return `${formatJson(value, 2)}\n`;
}

/** A value as it stands inside a JSON string. */
const escaped = (value: string): string => JSON.stringify(value).slice(1, -1);
