/** `ocicat lab list | status | env | down`: words about labs that run. */
import { askLab } from "../../adapter/lab/control-client.ts";
import { removeFolder, removeLeftFolders } from "../../adapter/lab/lab-folder.ts";
import { waitForEnd } from "../../adapter/lab/supervisor-process.ts";
import { labFolders, labsRoot, listLabs, readLabRecord } from "../../adapter/lab-directory.ts";
import { formatJson } from "../../base/json.ts";
import type { LabStatus } from "../../lab/control.ts";
import { textTable } from "../../lab/text-table.ts";
import { noLabRuns } from "../no-lab.ts";
import type { ProcessHost } from "../process-host.ts";
import { userId } from "./user.ts";
import { whichLab } from "./which-lab.ts";
import type { WordOptions } from "./words.ts";

export async function list(host: ProcessHost, _args: readonly unknown[], options: WordOptions): Promise<number> {
  const labs = await listLabs(labsRoot(host.env, userId()));
  if (labs.length === 0) host.stderr.write(`ocicat: ${noLabRuns(host)}\n`);
  if (options["output"] === "json") {
    host.stdout.write(`${formatJson(labs, 2)}\n`);
    return 0;
  }
  const rows = labs.map((lab) => [
    lab.name,
    lab.topology,
    String(lab.hosts.length),
    String(lab.pods.length),
    lab.startedAt,
  ]);
  host.stdout.write(textTable([["NAME", "TOPOLOGY", "HOSTS", "PODS", "STARTED"], ...rows]));
  return 0;
}

export async function status(host: ProcessHost, _args: readonly unknown[], options: WordOptions): Promise<number> {
  const lab = await whichLab(host, options.lab);
  const answer = await askLab<LabStatus>(lab.controlSocket, "status");
  if (options["output"] === "json") host.stdout.write(`${formatJson(answer, 2)}\n`);
  else host.stdout.write(printStatus(answer));
  return 0;
}

function printStatus(status: LabStatus): string {
  const hosts = status.hosts.map((host) => [
    host.name,
    host.address,
    host.subnet,
    `${host.nic} (${host.mtu})`,
    stateOf(host.agentPid !== undefined, host.agentReady),
  ]);
  const routers = status.routers.map(({ name, subnets, bgp }) => [
    name,
    subnets.join(",") || "-",
    ...(bgp
      ? [String(bgp.as), bgp.speaker, String(bgp.neighbours.length), stateOf(bgp.pids.length > 0, bgp.ready)]
      : ["-", "-", "-", "-"]),
  ]);
  const pods = status.pods.map((pod) => [pod.namespace, pod.name, pod.host, pod.addresses.join(","), String(pod.mtu)]);
  return [
    `${status.topology}: ${status.summary}`,
    `store ${status.storePid === undefined ? "away" : "running"}, pool ${status.pool}, backend ${status.backend}`,
    "",
    textTable([["HOST", "ADDRESS", "SUBNET", "NIC (MTU)", "AGENT"], ...hosts]),
    textTable([["ROUTER", "SUBNETS", "AS", "SPEAKER", "NEIGHBOURS", "BGP"], ...routers]),
    textTable([["NAMESPACE", "POD", "HOST", "ADDRESS", "MTU"], ...pods]),
  ].join("\n");
}

const stateOf = (runs: boolean, isReady: boolean): string => (runs ? (isReady ? "ready" : "not ready") : "away");

export async function env(host: ProcessHost, _args: readonly unknown[], options: WordOptions): Promise<number> {
  const lab = await whichLab(host, options.lab);
  const endpoint = `127.0.0.1:${lab.storePort}`;
  const exports = {
    OCICAT_LAB: lab.name,
    DATASTORE_TYPE: "etcdv3",
    ETCD_ENDPOINTS: `http://${endpoint}`,
    ETCDCTL_API: "3",
    // etcdctl 3.4 asks for the status of an endpoint as it is written, and a scheme is no part of an address.
    ETCDCTL_ENDPOINTS: endpoint,
  };
  for (const [name, value] of Object.entries(exports)) host.stdout.write(`export ${name}='${value}'\n`);
  return 0;
}

/** Another backend for all agents of the running lab. */
export async function backend(host: ProcessHost, args: readonly unknown[], options: WordOptions): Promise<number> {
  const lab = await whichLab(host, options.lab);
  const [name] = args;
  await askLab(lab.controlSocket, "backend", { backend: String(name) });
  host.stdout.write(`all agents run with backend ${String(name)}\n`);
  return 0;
}

/** Takes down the named lab, the only one, or all; a killed lab's leavings go too. */
export async function down(host: ProcessHost, args: readonly unknown[], options: WordOptions): Promise<number> {
  const root = labsRoot(host.env, userId());
  removeLeftFolders(root);
  const [named] = args;
  const wanted =
    options["all"] === true
      ? labFolders(root).map(({ path }) => path)
      : [(await whichLab(host, typeof named === "string" ? named : undefined)).folder];
  for (const folder of wanted) {
    const record = readLabRecord(folder);
    if (!record) {
      host.stderr.write(`${folder} is still being built; whoever builds it can end it\n`);
      continue;
    }
    await askLab(record.controlSocket, "down");
    await waitForEnd(folder, record.pid);
    removeFolder(folder);
    host.stdout.write(`lab '${record.name}' is down\n`);
  }
  return 0;
}
