/** What an agent tells others of its node: the plugin's callers, and readers of the store. */
import type { JsonObject } from "../../base/json.ts";
import type { Readiness } from "../../cni/server.ts";
import type { Agent } from "../../dataplane/agent.ts";
import type { IpipChoice } from "../../dataplane/drivers/ipip-carrier.ts";
import { reportsOf } from "../../insight/node-report.ts";
import { formatPrefix } from "../../ip/prefix.ts";
import type { LinkTable } from "../../kernel/link-table.ts";
import type { LocalNode } from "../../node/startup.ts";
import { endpointReports } from "./endpoint-reports.ts";

/** Whether pods can be attached, and if not, what it waits for. */
export function pluginReadiness({ store, isInSync, settings }: Agent): Readiness {
  if (store.state === "refused") return { ok: false, reason: "the store is not the one this node knows" };
  if (!isInSync) return { ok: false, reason: "the agent has not yet read the store" };
  const spec = settings.get("ClusterInformation", "default")?.value["spec"] as JsonObject | undefined;
  if (spec?.["datastoreReady"] !== true) {
    return { ok: false, reason: "the datastore is locked: ClusterInformation(default) does not say datastoreReady" };
  }
  return { ok: true };
}

/**
 * NodeStatus: what of this node's endpoints and kernel objects works and what does not. Made at every change of a link:
 * it looks at endpoints, failures and reports, never at all routes. `problems`: what else keeps the node from its work.
 */
export function statusContent(
  agent: Agent,
  links: Pick<LinkTable, "byName">,
  problems: readonly string[] = [],
): JsonObject {
  const endpoints = endpointReports(agent, links).map((endpoint) => ({ ...endpoint }));
  const failures = agent.dataplane
    .status()
    .flatMap(({ driver, failed }) => failed.map(({ key, error }) => `${driver} ${key}: ${error.message}`));
  return { status: { endpoints, failures, reports: [...reportsOf(agent), ...problems] } };
}

/**
 * NodeFacts: what other nodes must know of this one; `isOurs`: devices of pods and tunnels, which they need not; `ipip`: what
 * carries IP-in-IP here.
 */
export function factsContent(
  node: LocalNode | undefined,
  { isOurs, ipip }: { readonly isOurs: (device: string) => boolean; readonly ipip: IpipChoice },
): JsonObject {
  const own = (node?.interfaces ?? []).filter(({ name }) => !isOurs(name));
  const interfaces = own.map(({ name, mtu, addresses }) => ({
    name,
    mtu,
    addresses: addresses.map(formatPrefix),
  }));
  const local = node?.addresses.ipv4?.local;
  return {
    spec: {
      ...(local ? { localAddress: formatPrefix(local), device: local.device } : {}),
      interfaces,
      ipip: ipip.carrier,
    },
  };
}
