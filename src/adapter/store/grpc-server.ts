/**
 * gRPC's server side on HTTP/2 without TLS: any number of Unix and TCP sockets, one table of methods. Whatever arrives on
 * a socket ends at most its own call or connection.
 * https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */
import fs from "node:fs";
import http2 from "node:http2";
import net from "node:net";
import path from "node:path";
import { CodedError, messageOf } from "../../base/errors.ts";
import type { Clock, Millis } from "../../port/clock.ts";
import type { Log } from "../../port/log.ts";
import { RpcError, type RpcMethods } from "../../port/rpc.ts";
import { fitsSocket, LONGEST_SOCKET_PATH } from "../socket-path.ts";
import { CallGate } from "./call-gate.ts";
import { type Endpoint, parseEndpoint } from "./endpoint.ts";
import { refuseCall, serveStream, serveUnary } from "./grpc-server-call.ts";

export class ListenError extends CodedError<"inUse" | "failed", { address: string }> {}

export interface GrpcServerOptions {
  readonly methods: RpcMethods;
  readonly clock: Clock;
  readonly logger: Log;
  /** Octets of the longest message that is taken. */
  readonly maxMessageOctets: number;
}

/** Megabytes of answers that wait for a slow reader before its further calls are refused. */
const SESSION_MEMORY = 512;
const CONNECTION_WINDOW = 4 << 20;
/** Dead peers are noticed by the kernel: nobody holds a watch for ever. */
const TCP_KEEPALIVE_MS: Millis = 30_000;
/** For answers that are under way when the server closes. */
const GRACE_MS: Millis = 1_000;

export class GrpcServer {
  readonly #options: GrpcServerOptions;
  readonly #servers = new Set<http2.Http2Server>();
  readonly #sessions = new Set<http2.ServerHttp2Session>();
  readonly #enders = new Set<(error: RpcError) => void>();
  readonly #gate: CallGate;
  #isClosed = false;

  constructor(options: GrpcServerOptions) {
    this.#options = options;
    this.#gate = new CallGate(options.clock);
  }

  /**
   * Listens on `unix:PATH` or `HOST:PORT` (port 0: a free one) and gives the address with the port that it got. A socket
   * file that nobody serves any more is replaced. Throws ListenError, StoreError for an address that cannot be read.
   */
  async listen(address: string): Promise<string> {
    const endpoint = parseEndpoint(address);
    if ("path" in endpoint) await removeStale(endpoint.path, address);
    const server = http2.createServer({ maxSessionMemory: SESSION_MEMORY });
    server.on("connection", (socket: net.Socket) => socket.setNoDelay(true).setKeepAlive(true, TCP_KEEPALIVE_MS));
    server.on("session", (session) => this.#attend(session));
    server.on("stream", (stream, headers) => this.#serve(stream, headers));
    server.on("sessionError", (failure) => this.#note("a connection failed", failure));
    await bind(server, endpoint, address);
    server.on("error", (failure) => this.#note("a listening socket failed", failure));
    this.#servers.add(server);
    const bound = server.address();
    if (bound === null || typeof bound === "string" || "path" in endpoint) return address;
    return `${bound.family === "IPv6" ? `[${bound.address}]` : bound.address}:${bound.port}`;
  }

  #attend(session: http2.ServerHttp2Session): void {
    if (this.#isClosed) {
      session.destroy();
      return;
    }
    this.#sessions.add(session);
    session.setLocalWindowSize(CONNECTION_WINDOW);
    session.on("error", (failure) => this.#note("a connection failed", failure));
    session.on("close", () => this.#sessions.delete(session));
  }

  #serve(stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders): void {
    stream.on("error", (failure) => this.#note("a call failed", failure));
    const { methods, maxMessageOctets, logger } = this.#options;
    const path = headers[":path"] ?? "";
    if (headers[":method"] !== "POST" || !headers["content-type"]?.startsWith("application/grpc")) {
      stream.respond({ ":status": 415, "grpc-status": "3", "grpc-message": "not a gRPC call" }, { endStream: true });
      return;
    }
    const method = Object.hasOwn(methods, path) ? methods[path] : undefined;
    if (!method) {
      refuseCall(stream, new RpcError("unimplemented", unknownMethod(methods, path)));
      return;
    }
    const failed = (failure: unknown) => logger.error("a call met a fault of ours", { method: path }, failure);
    const call = { maxMessageOctets, failed, gate: this.#gate };
    if (method.type === "unary") {
      serveUnary(stream, method, call);
      return;
    }
    const end = serveStream(stream, method, call);
    this.#enders.add(end);
    stream.once("close", () => this.#enders.delete(end));
  }

  /** Trouble that a peer made: of interest only to somebody who looks for it. */
  #note(message: string, failure: unknown): void {
    this.#options.logger.debug(message, { why: messageOf(failure) });
  }

  /** Ends streams, lets answers under way go out for a moment, then ends every connection. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const servers = [...this.#servers].map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    this.#servers.clear();
    for (const end of this.#enders) end(new RpcError("unavailable", "etcdserver: server stopped"));
    for (const session of this.#sessions) session.close();
    const timer = this.#options.clock.after(GRACE_MS, () => {
      for (const session of this.#sessions) session.destroy();
    });
    await Promise.all(servers);
    timer.cancel();
  }
}

/** As grpc-go words it. */
function unknownMethod(methods: RpcMethods, path: string): string {
  const [, service = "", method = ""] = /^\/([^/]*)\/(.*)$/.exec(path) ?? [];
  if (service === "") return `malformed method name: "${path}"`;
  const isServed = Object.keys(methods).some((known) => known.startsWith(`/${service}/`));
  return isServed ? `unknown method ${method} for service ${service}` : `unknown service ${service}`;
}

function bind(server: http2.Http2Server, endpoint: Endpoint, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (failure: NodeJS.ErrnoException) => {
      const isInUse = failure.code === "EADDRINUSE";
      const why = isInUse ? "another process listens there" : (whyNoSocket(endpoint) ?? messageOf(failure));
      reject(new ListenError(isInUse ? "inUse" : "failed", `cannot listen on ${address}: ${why}`, { address }));
    });
    const listening = (): void => {
      server.removeAllListeners("error");
      resolve();
    };
    if ("path" in endpoint) server.listen(endpoint.path, listening);
    else server.listen(endpoint.port, endpoint.host, listening);
  });
}

/** What the system says of a Unix socket (EINVAL, EACCES) misleads: why there can be none, undefined where nothing is known. */
function whyNoSocket(endpoint: Endpoint): string | undefined {
  if (!("path" in endpoint)) return undefined;
  if (!fitsSocket(endpoint.path)) {
    const octets = Buffer.byteLength(endpoint.path);
    return `the path takes ${octets} octets, a socket's at most ${LONGEST_SOCKET_PATH}; name a shorter one`;
  }
  const folder = path.dirname(endpoint.path);
  return fs.existsSync(folder) ? undefined : `there is no folder ${folder}; make it first`;
}

/** Removes a socket file without a server. Throws ListenError when the path is something else or is served. */
async function removeStale(file: string, address: string): Promise<void> {
  const there = fs.lstatSync(file, { throwIfNoEntry: false });
  if (!there) return;
  if (!there.isSocket()) {
    throw new ListenError("failed", `cannot listen on ${address}: a file that is no socket is in the way`, { address });
  }
  const isServed = await new Promise<boolean>((resolve) => {
    const socket = net.connect(file);
    socket.once("connect", () => resolve(true));
    socket.once("error", (failure: NodeJS.ErrnoException) => resolve(failure.code !== "ECONNREFUSED"));
    socket.once("connect", () => socket.destroy());
  });
  if (isServed) {
    throw new ListenError("inUse", `cannot listen on ${address}: another process listens there`, { address });
  }
  fs.rmSync(file, { force: true });
}
