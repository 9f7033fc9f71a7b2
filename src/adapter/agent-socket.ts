/**
 * The agent's Unix socket, one for two languages: calls of the plugin, told by their first octet, and HTTP. Only root
 * may connect. A socket file that a dead agent left is replaced, a living agent's is not.
 */
import fs from "node:fs";
import http from "node:http";
import net from "node:net";
import path from "node:path";
import { CodedError, messageOf } from "../base/errors.ts";
import type { Log } from "../port/log.ts";
import {
  encodeAnswer,
  type PluginAnswer,
  type PluginCall,
  PluginCallReader,
  PROTOCOL_FIRST_OCTET,
} from "../wire/plugin-call.ts";
import { fitsSocket, LONGEST_SOCKET_PATH } from "./socket-path.ts";

class AgentSocketError extends CodedError<"inUse" | "pathTooLong", { path: string }> {}

export interface AgentSocketOptions {
  /** As long as `fitsSocket` takes. Its folder is made if need be. */
  readonly path: string;
  readonly cni: (call: PluginCall) => Promise<PluginAnswer>;
  readonly http: http.RequestListener;
  readonly log: Log;
}

/** A caller that has not finished its call after so long is dropped. */
const CALL_TIMEOUT_MS = 30_000;
/** A runtime may start very many pods at once; the kernel caps this at net.core.somaxconn. */
const BACKLOG = 4096;

/** Listens. Rejects with AgentSocketError, or with the system's error where the folder cannot be written. */
export async function listenAgentSocket(options: AgentSocketOptions): Promise<{ close(): Promise<void> }> {
  const { path: socketPath } = options;
  if (!fitsSocket(socketPath)) {
    const message = `agent socket ${socketPath}: the path is longer than ${LONGEST_SOCKET_PATH} octets; choose a shorter root`;
    throw new AgentSocketError("pathTooLong", message, { path: socketPath });
  }
  fs.mkdirSync(path.dirname(socketPath), { recursive: true, mode: 0o755 });
  await clearStale(socketPath);
  const connections = new Set<net.Socket>();
  const httpServer = http.createServer(options.http);
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: false }, (socket) => {
    connections.add(socket);
    socket.once("close", () => connections.delete(socket));
    socket.on("error", (error) =>
      options.log.debug("a caller of the agent socket went away", { error: messageOf(error) }),
    );
    dispatch(socket, options, httpServer);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    // The mask holds for this synchronous call alone, in which the file is made.
    const mask = process.umask(0o077);
    server.listen({ path: socketPath, backlog: BACKLOG }, () => {
      server.off("error", reject);
      resolve();
    });
    process.umask(mask);
  });
  return { close: () => closeAll(server, connections) };
}

function closeAll(server: net.Server, connections: ReadonlySet<net.Socket>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    for (const socket of connections) socket.destroy();
  });
}

/** Removes a socket file that nobody listens on. Anything else at the path is left, and `listen` says why it fails. */
async function clearStale(socketPath: string): Promise<void> {
  if (!fs.lstatSync(socketPath, { throwIfNoEntry: false })?.isSocket()) return;
  const isAlive = await new Promise<boolean>((resolve) => {
    const probe = net.connect({ path: socketPath });
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", () => resolve(false));
  });
  if (isAlive) {
    const message = `another agent listens on ${socketPath}; stop it before starting this one`;
    throw new AgentSocketError("inUse", message, { path: socketPath });
  }
  fs.rmSync(socketPath, { force: true });
}

/** Looks at the first octet and hands the connection, that octet included, to whom it concerns. */
function dispatch(socket: net.Socket, options: AgentSocketOptions, httpServer: http.Server): void {
  // What waits unread after a stall of ours counts as activity: it is looked at before the connection is given up.
  const giveUp = (): void => {
    const seen = socket.bytesRead;
    setImmediate(() => {
      if (socket.bytesRead === seen) socket.destroy();
    });
  };
  socket.setTimeout(CALL_TIMEOUT_MS, giveUp);
  socket.once("end", () => {
    if (socket.bytesRead === 0) socket.destroy();
  });
  socket.once("data", (first: Buffer) => {
    if (first[0] === PROTOCOL_FIRST_OCTET) {
      servePlugin(socket, first, options, giveUp);
      return;
    }
    socket.setTimeout(0, giveUp);
    httpServer.emit("connection", socket);
    socket.unshift(first);
  });
}

function servePlugin(socket: net.Socket, first: Buffer, { cni, log }: AgentSocketOptions, giveUp: () => void): void {
  const reader = new PluginCallReader();
  let isTaken = false;
  const take = (octets: Buffer | undefined): void => {
    if (isTaken) return;
    try {
      const call = octets ? reader.push(octets) : reader.end();
      if (!call) return;
      isTaken = true;
      socket.setTimeout(0, giveUp);
      void answer(socket, call, cni, log);
    } catch (failure) {
      isTaken = true;
      log.warn("a call of the plugin could not be read", { error: messageOf(failure) });
      socket.end(encodeAnswer(errorAnswer(6, messageOf(failure))));
    }
  };
  socket.on("data", take);
  socket.once("end", () => take(undefined));
  take(first);
}

async function answer(socket: net.Socket, call: PluginCall, cni: AgentSocketOptions["cni"], log: Log): Promise<void> {
  let octets: Uint8Array;
  try {
    octets = encodeAnswer(await cni(call));
  } catch (failure) {
    log.error("a call of the plugin failed inside the agent", { program: call.program }, failure);
    octets = encodeAnswer(errorAnswer(999, `the agent failed: ${messageOf(failure)}`));
  }
  // A caller that was killed meanwhile does not get it.
  if (!socket.destroyed) socket.end(octets);
}

/** CNI error codes: 6 "failed to decode content"; from 100 on a plugin's own. */
const errorAnswer = (code: number, msg: string): PluginAnswer => ({
  exitCode: 1,
  stdout: JSON.stringify({ cniVersion: "1.0.0", code, msg }),
});
