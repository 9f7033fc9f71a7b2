/**
 * A BGP router of its own.
 *
 *   file ─▶ Speaker ── TcpBgpTransport
 *              └─▶ KernelRoutes ── Rtnetlink
 */
import fs from "node:fs";
import path from "node:path";
import { TcpBgpTransport } from "../../adapter/bgp/tcp-transport.ts";
import { SystemClock, SystemWallClock } from "../../adapter/clock.ts";
import { LinuxNamespaces } from "../../adapter/linux/namespaces.ts";
import { SystemRandom } from "../../adapter/random.ts";
import { CodedError } from "../../base/errors.ts";
import { Scope } from "../../base/scope.ts";
import type { SpeakerConfig } from "../../bgp/config.ts";
import type { IpAddress } from "../../ip/address.ts";
import { Rtnetlink } from "../../kernel/rtnetlink.ts";
import { addresses } from "../../kernel/rtnetlink-dumps.ts";
import type { Log } from "../../port/log.ts";
import { KernelRoutes } from "../../speaker/kernel/kernel-routes.ts";
import { type RehearsalDeps, rehearse } from "../../speaker/rehearsal/rehearse.ts";
import { Speaker } from "../../speaker/speaker.ts";
import { standardErrorLog, untilStopped } from "../long-running.ts";
import type { ProcessHost } from "../process-host.ts";
import { type BgpFile, parseBgpFile } from "./config-file.ts";

export interface RunOptions {
  readonly config: string;
  readonly verbose?: true;
}

/** RFC 4724: how long at most peers are waited for after a restart. */
const DEFERRAL_SECONDS = 120;

/** Runs until a signal comes. Throws what a user can mend as CodedError. */
export async function runBgp({ config, verbose }: RunOptions, host: ProcessHost): Promise<number> {
  const file = path.resolve(host.cwd, config);
  const settings = read(file);
  const log = standardErrorLog(host, verbose);
  const stopped = untilStopped(host);
  const scope = new Scope();
  try {
    const speaker = await start(settings, log, scope);
    host.onSignal("SIGHUP", () => again(file, speaker, log));
    const { listeners } = speaker.status();
    const listening = listeners.flatMap(({ port, failure }) => (failure === undefined ? [port] : []));
    host.stdout.write(`${JSON.stringify({ listening })}\n`);
    await stopped.promise;
  } finally {
    await scope.close();
  }
  return 0;
}

function read(file: string): BgpFile {
  let text: string;
  try {
    text = fs.readFileSync(file, "utf8");
  } catch (failure) {
    throw new CodedError("unreadable", `cannot read ${file}`, { file }, { cause: failure });
  }
  return parseBgpFile(text, file);
}

/** A file that is wrong leaves what runs as it is. */
function again(file: string, speaker: Speaker, log: Log): void {
  try {
    speaker.configure(read(file).speaker);
    log.info("the configuration was read again", { file });
  } catch (failure) {
    if (!(failure instanceof CodedError)) throw failure;
    log.error("the configuration was not taken over", { file }, failure);
  }
}

async function start(
  { speaker: config, kernel, maxPaths, nextHops }: BgpFile,
  log: Log,
  scope: Scope,
): Promise<Speaker> {
  const clock = new SystemClock();
  const namespace = new LinuxNamespaces().own();
  const transport = new TcpBgpTransport(namespace);
  scope.defer(() => transport.close());
  const rtnetlink = new Rtnetlink(namespace, clock);
  scope.defer(() => rtnetlink.close());
  const own = new Set<IpAddress>(await rtnetlink.dump(addresses(), ({ address }) => address.address));
  const table = kernel ? new KernelRoutes(rtnetlink, log) : undefined;
  const isRestart = (await table?.start()) ?? false;
  const deps: RehearsalDeps = {
    clock,
    wallClock: new SystemWallClock(),
    random: new SystemRandom(),
    maxPaths,
    surroundings: {
      costOf: () => 0,
      isOwnAddress: (address) => own.has(address),
      ownAddress: (family) => nextHops[family],
    },
    forwarding: kernel ? [4, 6] : [],
  };
  const deferral = isRestart ? { deferralSeconds: DEFERRAL_SECONDS } : {};
  const speaker = new Speaker({ ...deps, ...deferral, transport, log });
  scope.defer(() => table?.clear());
  scope.defer(() => speaker.close("shutdown"));
  if (table) {
    speaker.onBest((changes) => table.changed(changes));
    speaker.onSettled(() => table.settled());
  }
  speaker.configure(config);
  scope.defer(rehearseUntilPeersCome(speaker, config, deps, log));
  return speaker;
}

/** Returns what ends it, and waits for its end. */
function rehearseUntilPeersCome(
  speaker: Speaker,
  { sessions }: SpeakerConfig,
  deps: RehearsalDeps,
  log: Log,
): () => Promise<void> {
  let isOver = false;
  const families = new Set([...sessions.values()].flatMap((session) => session.families));
  const rehearsal = rehearse(deps, [...families], () => !isOver && !speaker.hasPeers).then(
    (routes) => log.debug("tables were rehearsed", { routes }),
    (failure) => log.error("a rehearsal of tables failed; the speaker runs without", {}, failure),
  );
  return () => {
    isOver = true;
    return rehearsal;
  };
}
