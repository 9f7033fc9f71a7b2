/**
 * `ocicat store`: the embedded store as a process.
 *
 *   GrpcServer (sockets) ── EtcdServer (etcd v3) ── SqliteLog (one file)
 */
import path from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { SystemClock } from "../adapter/clock.ts";
import { SystemRandom } from "../adapter/random.ts";
import { parseEndpoint } from "../adapter/store/endpoint.ts";
import { GrpcServer } from "../adapter/store/grpc-server.ts";
import { SqliteLog } from "../adapter/store/sqlite-log.ts";
import { StoreError } from "../port/store.ts";
import { EtcdServer } from "../store/etcd-server.ts";
import { parseRetention, type Retention } from "../store/retention.ts";
import { parseCommandLine } from "./command-line.ts";
import { dieWithParent } from "./die-with-parent.ts";
import { standardErrorLog, untilStopped } from "./long-running.ts";
import type { ProcessHost } from "./process-host.ts";

const DEFAULT_LISTEN = ["127.0.0.1:2379"];
const DEFAULT_RETENTION = "1h,1000000";
const DEFAULT_DATA = "/var/lib/calico/store.db";
/** What a request may have, and what is around it: as etcd, which then answers that it is too large. */
const MAX_MESSAGE_OCTETS = 2 * 1024 * 1024;

interface Options {
  readonly data: string;
  readonly listen?: readonly string[];
  readonly autoCompact?: Retention;
  readonly verbose?: true;
}

export async function main(args: readonly string[], host: ProcessHost): Promise<number> {
  const command = new Command("ocicat store")
    .description("Runs the store: one process, one file, the etcd v3 API without TLS. etcdctl works on it.")
    .option("--data <file>", "where everything is kept; made when missing", DEFAULT_DATA)
    .option(
      "--listen <address>",
      `unix:PATH or HOST:PORT, may be repeated; port 0 takes a free one (default: ${DEFAULT_LISTEN})`,
      listenOption,
    )
    .option(
      "--auto-compact <retention>",
      `history to keep: an age (30m, 1h), a number of revisions, both with a comma between, or off (default: ${DEFAULT_RETENTION})`,
      retentionOption,
    )
    .option("-v, --verbose", "log every connection and compaction")
    .addHelpText(
      "after",
      `
When it serves, it prints one line of JSON on standard output: the addresses that it listens on, and its cluster id.
A file that is no store, is damaged, or belongs to another process is refused, and not touched.

Examples:
  ocicat store
  ocicat store --data /srv/store.db --listen unix:/run/store.sock --listen 0.0.0.0:2379
  ocicat store --data ./store.db --listen 127.0.0.1:0 --auto-compact 24h
  ETCDCTL_API=3 etcdctl --endpoints 127.0.0.1:2379 get --prefix /calico/
  cd /run && ETCDCTL_API=3 etcdctl --endpoints unix://store.sock endpoint health
                                             (the etcdctl of Debian 12 needs a socket's path to be relative)`,
    );
  const ended = await parseCommandLine(command, args, host);
  if (ended !== undefined) return ended;
  dieWithParent(host);
  return serve(command.opts<Options>(), host);
}

/** Checked before the file is made: a mistyped address leaves nothing behind. */
function listenOption(address: string, before: readonly string[] = []): readonly string[] {
  try {
    parseEndpoint(address);
  } catch (failure) {
    if (!(failure instanceof StoreError)) throw failure;
    throw new InvalidArgumentError(failure.code === "unsupported" ? failure.message : "It is unix:PATH or HOST:PORT.");
  }
  return [...before, address];
}

function retentionOption(text: string): Retention {
  const retention = parseRetention(text);
  if (!retention)
    throw new InvalidArgumentError("It is an age (30m), a number of revisions, both (1h,100000), or off.");
  return retention;
}

/** Serves until a signal comes. Throws what a user can mend as CodedError. */
async function serve(
  { data, listen = DEFAULT_LISTEN, autoCompact = retentionOption(DEFAULT_RETENTION), verbose }: Options,
  host: ProcessHost,
): Promise<number> {
  const logger = standardErrorLog(host, verbose);
  const stopped = untilStopped(host);
  const clock = new SystemClock();
  const log = new SqliteLog(path.resolve(host.cwd, data));
  try {
    const listening: string[] = [];
    const server = new EtcdServer({
      log,
      clock,
      random: new SystemRandom(),
      logger,
      retention: autoCompact,
      failed: stopped.reject,
      clientUrls: () => listening.map(urlOf),
    });
    const { methods } = server;
    const sockets = new GrpcServer({ methods, clock, logger, maxMessageOctets: MAX_MESSAGE_OCTETS });
    try {
      for (const address of listen) listening.push(await sockets.listen(absolute(address, host.cwd)));
      host.stdout.write(`${JSON.stringify({ listening, clusterId: log.clusterId.toString(16) })}\n`);
      await stopped.promise;
    } finally {
      await server.close();
      await sockets.close();
    }
  } finally {
    log.close();
  }
  logger.info("store is closed");
  return 0;
}

const UNIX = "unix:";

const absolute = (address: string, cwd: string): string =>
  address.startsWith(UNIX) ? `${UNIX}${path.resolve(cwd, address.slice(UNIX.length).replace(/^\/\//, ""))}` : address;

const urlOf = (address: string): string =>
  address.startsWith(UNIX) ? `unix://${address.slice(UNIX.length)}` : `http://${address}`;
