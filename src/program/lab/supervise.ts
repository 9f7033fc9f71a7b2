/**
 * `ocicat lab supervise`: the process that holds a lab. Started by `lab up` in namespaces of its own, with
 *
 *     descriptor 3   what it is doing, one JSON object a line, until the lab is ready or has failed
 *                4   a TCP socket that listens on loopback in the user's network namespace: the store's port there
 *                5   the lock of the lab's folder
 *
 * The user's side              this process                              its children
 *   lab up ──── 3 ◀────────────  Lab: places, underlay, pods, probes  ──▶  ocicat store   (in master's place)
 *   etcdctl ─── 4 ─ relay ─────▶ store.sock ◀──────────────────────────    ocicat node    (in each host's place)
 *   lab … ───── control.sock ──▶ verbs
 */
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { SystemClock, SystemWallClock } from "../../adapter/clock.ts";
import { serveControl } from "../../adapter/lab/control-server.ts";
import { echoServices } from "../../adapter/lab/echo-services.ts";
import { maskParents, OwnFolders } from "../../adapter/lab/own-folders.ts";
import { placeFiles } from "../../adapter/lab/place-files.ts";
import { LabPrograms } from "../../adapter/lab/programs.ts";
import { acceptsConnections, answersOk } from "../../adapter/lab/readiness.ts";
import { relayStore } from "../../adapter/lab/store-relay.ts";
import { writeLabRecord } from "../../adapter/lab-directory.ts";
import { LinuxPacketTaps } from "../../adapter/linux/packet-socket.ts";
import { LinuxPlaces } from "../../adapter/linux/places.ts";
import { LinuxProber } from "../../adapter/linux/prober.ts";
import { closeOnExec, dieWithParent } from "../../adapter/linux/process.ts";
import { StreamLog } from "../../adapter/log.ts";
import { CodedError, messageOf } from "../../base/errors.ts";
import { type JsonObject, parseJson } from "../../base/json.ts";
import { type CaptureRequest, startCapture } from "../../lab/capture/capture.ts";
import { badRequest, controlVerbs, textAt, type Verbs, verbOf } from "../../lab/control.ts";
import { networkVerbs } from "../../lab/control-network.ts";
import { Faults } from "../../lab/faults.ts";
import { Lab, podRecord } from "../../lab/lab.ts";
import { hostRecord } from "../../lab/lab-host.ts";
import type { Log, LogFields } from "../../port/log.ts";
import type { ProcessHost } from "../process-host.ts";
import { applyObjects } from "./apply-objects.ts";
import { ocicatCommand } from "./ocicat-command.ts";
import { controlSocket, type ProgressLine, type SupervisorSpec, storeSocket } from "./supervisor-spec.ts";

const PROGRESS_FD = 3;
const STORE_LISTENER_FD = 4;

export async function supervise(args: readonly string[], host: ProcessHost): Promise<number> {
  const [folder = ""] = args;
  const spec = parseJson(fs.readFileSync(path.join(folder, "spec.json"), "utf8")) as unknown as SupervisorSpec;
  if (spec.frontPid !== undefined) dieWithParent(spec.frontPid, "SIGTERM");
  closeOnExec();
  const stopped = new Promise<void>((resolve) => {
    host.onSignal("SIGTERM", resolve);
    host.onSignal("SIGINT", resolve);
    host.onSignal("SIGHUP", () => {});
  });
  try {
    const lab = await build(spec, host);
    await stopped;
    await lab.stop();
    return 0;
  } catch (failure) {
    tell({ failed: messageOf(failure) });
    if (failure instanceof CodedError) return 1;
    throw failure;
  }
}

async function build(spec: SupervisorSpec, host: ProcessHost): Promise<Lab> {
  const { folder, topology } = spec;
  const log = new StreamLog({ stream: host.stderr, clock: new SystemWallClock(), level: "info", isTerminal: false });
  process.chdir("/");
  tell({ step: "hosts" });
  maskParents(folder);
  const lab = new Lab(
    topology,
    { folder, storeSocket: storeSocket(folder) },
    {
      places: new LinuxPlaces(),
      folders: new OwnFolders(folder),
      files: placeFiles,
      programs: new LabPrograms(ocicatCommand(host.env)),
      services: echoServices,
      readiness: { accepts: acceptsConnections, agent: (socket) => answersOk(socket, "/readiness") },
      clock: new SystemClock(),
      log,
      newContainerId: () => randomBytes(32).toString("hex"),
      applyObjects: (objects) => applyObjects(host, storeSocket(folder), topology.name, objects),
    },
  );
  await lab.start((step) => tell({ step }));
  relayStore(STORE_LISTENER_FD, storeSocket(folder));
  await listen(lab, spec, log);
  record(lab, spec);
  tell({ ready: true });
  fs.closeSync(PROGRESS_FD);
  return lab;
}

/** Verbs that change what `lab.json` says write it again. */
const CHANGING = new Set(["pod-add", "pod-remove"]);

async function listen(lab: Lab, spec: SupervisorSpec, log: Log): Promise<void> {
  const clock = new SystemClock();
  const taps = new LinuxPacketTaps();
  const verbs: Verbs = {
    ...controlVerbs(lab),
    ...networkVerbs(lab, new Faults(lab), { clock, taps, prober: new LinuxProber() }),
    down: async () => {
      process.kill(process.pid, "SIGTERM");
    },
  };
  await serveControl(controlSocket(spec.folder), {
    answer: (verb, body) =>
      verbOf(
        verbs,
        verb,
      )?.(body).finally(() => {
        if (CHANGING.has(verb)) record(lab, spec);
      }),
    failed: (verb, failure) => log.error("a request to the lab failed", { verb, ...stackOf(failure) }, failure),
    stream: (verb, body, sink) =>
      verb === "capture"
        ? startCapture(lab, captureRequestOf(body), sink, { taps, clock, wallClock: new SystemWallClock() })
        : undefined,
  });
}

const stackOf = (failure: unknown): LogFields => (failure instanceof Error ? { stack: failure.stack } : {});

function captureRequestOf(body: JsonObject): CaptureRequest {
  const { filter = "", format = "lines", count } = body;
  if (typeof filter !== "string") throw badRequest("filter", "a filter is text");
  if (format !== "lines" && format !== "pcapng") throw badRequest("format", "formats are lines and pcapng");
  if (count !== undefined && !(typeof count === "number" && Number.isInteger(count) && count > 0)) {
    throw badRequest("count", "a count of packets is a whole number from 1 on");
  }
  return { place: textAt(body, "place"), filter, format, ...(count === undefined ? {} : { count }) };
}

function record(lab: Lab, spec: SupervisorSpec): void {
  const { folder, name, storePort, startedAt } = spec;
  writeLabRecord({
    version: 1,
    name,
    folder,
    topology: lab.topology.name,
    pid: process.pid,
    startedAt,
    storeSocket: storeSocket(folder),
    storePort,
    controlSocket: controlSocket(folder),
    hosts: [...lab.hosts.values()].map(hostRecord),
    pods: lab.pods.list().map(podRecord),
  });
}

/** Whoever started the lab may have gone; then nobody wants to know. */
function tell(line: ProgressLine): void {
  try {
    fs.writeSync(PROGRESS_FD, `${JSON.stringify(line)}\n`);
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code !== "EPIPE") throw failure;
  }
}
