/** The state of every endpoint of this node, from what the kernel says of its device and what could not be set. */
import { keys } from "../../compile/keys.ts";
import type { Agent } from "../../dataplane/agent.ts";
import { endpointState } from "../../dataplane/endpoint-status.ts";
import type { EndpointReport } from "../../insight/node-report.ts";
import { formatPrefix } from "../../ip/prefix.ts";
import type { LinkTable } from "../../kernel/link-table.ts";

export function endpointReports(agent: Agent, links: Pick<LinkTable, "byName">): readonly EndpointReport[] {
  const failures = agent.dataplane.failuresBySource();
  return Array.from(agent.view.endpoints, ([name, endpoint]) => {
    const link = links.byName(endpoint.device);
    const device = link && { isUp: link.running };
    return {
      name,
      device: endpoint.device,
      addresses: endpoint.addresses.map(formatPrefix),
      ...endpointState(endpoint, device, failures.get(keys.endpoint(name)) ?? []),
    };
  });
}
