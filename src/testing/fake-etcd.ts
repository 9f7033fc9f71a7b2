/** An etcd of a test's own making: gRPC calls are answered by the test's functions, on a Unix socket. */
import { once } from "node:events";
import fs from "node:fs";
import http2 from "node:http2";
import os from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import {
  type RangeRequest,
  type RangeResponse,
  type ResponseHeader,
  rangeResponse,
  type TxnRequest,
  type TxnResponse,
  txnResponse,
} from "../wire/etcd/kv.ts";
import { kvMethods, type Method, watchMethod } from "../wire/etcd/services.ts";
import { type WatchRequest, type WatchResponse, watchResponse } from "../wire/etcd/watch.ts";
import { GrpcFramer, grpcFrame } from "../wire/grpc-frames.ts";
import { encodeGrpcMessage } from "../wire/grpc-status.ts";
import { decode } from "../wire/protobuf.ts";

/** A call ends with this status. */
export class FakeStatus extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** One watch stream, from the server's side. */
export interface FakeWatchStream {
  readonly requests: WatchRequest[];
  send(response: Partial<WatchResponse>): void;
  /** Breaks the connection it came by. */
  destroy(): void;
}

export class FakeEtcd {
  header: ResponseHeader = { clusterId: 0xc1n, memberId: 1n, revision: 1, raftTerm: 1 };
  range: (request: RangeRequest) => Partial<RangeResponse> = () => ({});
  txn: (request: TxnRequest) => Partial<TxnResponse> = () => {
    throw new FakeStatus(12, "no transactions");
  };
  /** Called for each watch request. */
  watch: (stream: FakeWatchStream, request: WatchRequest) => void = () => {};
  readonly path: string;
  readonly #server = http2.createServer();
  readonly #sessions = new Set<http2.ServerHttp2Session>();

  private constructor(path: string) {
    this.path = path;
    this.#server.on("session", (session) => {
      this.#sessions.add(session);
      session.on("close", () => this.#sessions.delete(session));
      session.on("error", () => {});
    });
    this.#server.on("stream", (stream, headers) => this.#serve(stream, headers[":path"] ?? ""));
  }

  static async start(t: TestContext): Promise<FakeEtcd> {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-fake-"));
    const etcd = new FakeEtcd(path.join(folder, "s"));
    etcd.#server.listen(etcd.path);
    await once(etcd.#server, "listening");
    t.after(() => {
      for (const session of etcd.#sessions) session.destroy();
      etcd.#server.close();
      fs.rmSync(folder, { recursive: true });
    });
    return etcd;
  }

  get endpoint(): string {
    return `unix://${this.path}`;
  }

  #serve(stream: http2.ServerHttp2Stream, called: string): void {
    const framer = new GrpcFramer(1 << 24);
    stream.on("error", () => {});
    if (called === watchMethod.path) this.#serveWatch(stream, framer);
    else if (called === kvMethods.range.path) {
      this.#serveUnary(stream, framer, kvMethods.range, (request) => this.range(request), rangeResponse.absent);
    } else if (called === kvMethods.txn.path) {
      this.#serveUnary(stream, framer, kvMethods.txn, (request) => this.txn(request), txnResponse.absent);
    } else this.#end(stream, 12, `unknown method ${called}`);
  }

  #serveUnary<Q extends object, S extends object>(
    stream: http2.ServerHttp2Stream,
    framer: GrpcFramer,
    method: Method<Q, S>,
    answer: (request: Q) => Partial<S>,
    absent: S,
  ): void {
    stream.on("data", (piece: Buffer) => {
      for (const octets of framer.push(piece)) {
        try {
          const given = answer(decode(method.request, octets));
          const response = { ...absent, header: this.header, ...given };
          stream.respond({ "content-type": "application/grpc" }, { waitForTrailers: true });
          stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
          stream.end(grpcFrame(method.response, response));
        } catch (failure) {
          if (!(failure instanceof FakeStatus)) throw failure;
          this.#end(stream, failure.status, failure.message);
        }
      }
    });
  }

  #serveWatch(stream: http2.ServerHttp2Stream, framer: GrpcFramer): void {
    stream.respond({ "content-type": "application/grpc" });
    const requests: WatchRequest[] = [];
    const watch: FakeWatchStream = {
      requests,
      send: (response) => {
        stream.write(grpcFrame(watchMethod.response, { ...watchResponse.absent, header: this.header, ...response }));
      },
      destroy: () => stream.session?.destroy(),
    };
    stream.on("data", (piece: Buffer) => {
      for (const octets of framer.push(piece)) {
        const request = decode(watchMethod.request, octets);
        requests.push(request);
        this.watch(watch, request);
      }
    });
  }

  #end(stream: http2.ServerHttp2Stream, status: number, message: string): void {
    stream.respond(
      { "content-type": "application/grpc", "grpc-status": String(status), "grpc-message": encodeGrpcMessage(message) },
      { endStream: true },
    );
  }
}
