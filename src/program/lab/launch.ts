/** From a topology to a running lab: folder, lock, supervisor, and its words on the way. */
import fs from "node:fs";
import path from "node:path";
import { checkSocketPath, claimFolder, removeFolder, removeLeftFolders } from "../../adapter/lab/lab-folder.ts";
import {
  listenOnLoopback,
  type Supervisor,
  SupervisorError,
  startSupervisor,
} from "../../adapter/lab/supervisor-process.ts";
import { labsRoot, readLabRecord } from "../../adapter/lab-directory.ts";
import { formatJson } from "../../base/json.ts";
import type { Topology } from "../../lab/topology.ts";
import type { LabRecord } from "../../port/lab-record.ts";
import type { ProcessHost } from "../process-host.ts";
import { ocicatCommand } from "./ocicat-command.ts";
import { controlSocket, type ProgressLine, type SupervisorSpec } from "./supervisor-spec.ts";
import { userId } from "./user.ts";

export interface LaunchOptions {
  readonly topology: Topology;
  /** Asked for; a free one after the topology when left out. */
  readonly name?: string;
  /** Whether the lab outlives this process. */
  readonly isDetached: boolean;
  readonly progress: (step: string) => void;
  /** Ends the building early. */
  readonly interrupted?: Promise<unknown>;
}

export interface LaunchedLab {
  readonly record: LabRecord;
  /** Resolves when the lab was taken down by another (undefined), or has ended by itself, with how in words. */
  readonly ended: Promise<string | undefined>;
  /** Takes it down and removes what it left. Idempotent. */
  down(): Promise<void>;
}

/** A supervisor that has not ended by then is killed. */
const PATIENCE_MS = 5_000;
const LAST_LINES = 8;

/** Cleans up after killed labs, then builds one. Rejects with SupervisorError, LabFolderError; nothing stays then. */
export async function launchLab(host: ProcessHost, options: LaunchOptions): Promise<LaunchedLab> {
  const root = labsRoot(host.env, userId());
  for (const left of removeLeftFolders(root)) options.progress(`cleaned up after lab '${left}', which was killed`);
  const claimed = claimFolder(root, options.name ?? options.topology.name, options.name === undefined);
  const listener = await listenOnLoopback();
  let supervisor: Supervisor | undefined;
  try {
    checkSocketPath(controlSocket(claimed.path));
    const spec: SupervisorSpec = {
      name: claimed.name,
      folder: claimed.path,
      topology: options.topology,
      ...(options.isDetached ? {} : { frontPid: process.pid }),
      storePort: listener.port,
      startedAt: new Date().toISOString(),
    };
    fs.writeFileSync(path.join(claimed.path, "spec.json"), formatJson(spec), { mode: 0o600 });
    supervisor = startSupervisor({
      command: ocicatCommand(host.env),
      folder: claimed.path,
      env: host.env,
      isRoot: userId() === 0,
      listenerFd: listener.fd,
      lockFd: claimed.lock.fd,
    });
  } finally {
    // The supervisor has its own copies of both.
    listener.close();
    claimed.lock.release();
    if (!supervisor) removeFolder(claimed.path);
  }
  return await follow(supervisor, claimed.path, options);
}

async function follow(supervisor: Supervisor, folder: string, options: LaunchOptions): Promise<LaunchedLab> {
  const down = () => takeDown(supervisor, folder);
  try {
    const interruption = options.interrupted?.then(() => {
      throw new SupervisorError("interrupted", "interrupted", {});
    });
    await Promise.race([untilReady(supervisor, options.progress), ...(interruption ? [interruption] : [])]);
  } catch (failure) {
    await down();
    throw failure;
  }
  const record = readLabRecord(folder);
  if (!record)
    throw new SupervisorError("failed", "the lab is ready and has no record", { logFile: supervisor.logFile });
  if (options.isDetached) supervisor.unref();
  return { record, ended: supervisor.ended.then((code) => (code === 0 ? undefined : endOf(supervisor, code))), down };
}

async function untilReady(supervisor: Supervisor, progress: (step: string) => void): Promise<void> {
  for await (const line of supervisor.lines) {
    const said = JSON.parse(line) as ProgressLine;
    if ("step" in said) progress(said.step);
    else if ("failed" in said) throw failed(said.failed, supervisor);
    else return;
  }
  throw failed(endOf(supervisor, await supervisor.ended), supervisor);
}

function endOf(supervisor: Supervisor, code: number | undefined): string {
  const how = code === undefined ? "by a signal" : `with exit code ${code}`;
  return `the lab's supervisor ended ${how}${lastWords(supervisor)}`;
}

const failed = (message: string, { logFile }: Supervisor): SupervisorError =>
  new SupervisorError("failed", message, { logFile });

/** What the supervisor itself said last, for an end that it did not announce. */
function lastWords({ logFile }: Supervisor): string {
  const text = fs.existsSync(logFile) ? fs.readFileSync(logFile, "utf8").trimEnd() : "";
  return text === "" ? "" : `\n${text.split("\n").slice(-LAST_LINES).join("\n").replaceAll(/^/gm, "  ")}`;
}

async function takeDown(supervisor: Supervisor, folder: string): Promise<void> {
  supervisor.kill("SIGTERM");
  const killing = setTimeout(() => supervisor.kill("SIGKILL"), PATIENCE_MS);
  await supervisor.ended.catch(() => undefined);
  clearTimeout(killing);
  removeFolder(folder);
}
