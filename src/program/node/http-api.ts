/** What an agent answers on its Unix socket, in HTTP with JSON: for people's commands, probes and scrapers. */
import type http from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { CodedError, messageOf } from "../../base/errors.ts";
import { formatJson } from "../../base/json.ts";

/** Asked for what is not there, or in a way that cannot be answered. */
export class ApiError extends CodedError<"notAsked" | "noSuchPeer" | "noBgp", object> {}

export interface NodeApi {
  report(): unknown;
  verify(): Promise<unknown>;
  /** What stands behind `/v1/bgp`; undefined: there is no such thing. Throws ApiError. */
  bgp(path: string, query: URLSearchParams): ApiAnswer | undefined;
  readonly turn: <T>(name: string, work: () => T) => T;
  readonly health: http.RequestListener;
  readonly metrics: http.RequestListener;
}

export type ApiAnswer =
  /** Or the promise of it. */
  | { readonly json: unknown }
  /** Pieces of whole lines of JSON, made as fast as they are read. */
  | { readonly lines: AsyncIterable<string> }
  /** Lines of JSON as things happen, until the asker goes: gives what ends them. */
  | { readonly live: (write: (line: string) => void) => () => void };

/** Octets that wait for a slow listener; what comes beyond is left out. */
const MOST_WAITING_OCTETS = 1 << 20;
const BGP = "/v1/bgp";

export function nodeApi(api: NodeApi): http.RequestListener {
  const answer = (response: http.ServerResponse, path: string, make: () => unknown): void =>
    api.turn(`api ${path}`, () => void answered(response, async () => ({ json: await make() })));
  return (request, response) => {
    const { pathname: path, searchParams } = new URL(request.url ?? "/", "http://agent");
    switch (path) {
      case "/v1/node":
        answer(response, "/v1/node", () => api.report());
        break;
      case "/v1/verify":
        answer(response, "/v1/verify", () => api.verify());
        break;
      case "/liveness":
      case "/readiness":
        api.health(request, response);
        break;
      case "/metrics":
        api.metrics(request, response);
        break;
      default:
        if (path === BGP || path.startsWith(`${BGP}/`))
          api.turn(
            "api /v1/bgp",
            () => void answered(response, async () => api.bgp(path.slice(BGP.length), searchParams)),
          );
        else refuse(response);
    }
  };
}

function refuse(response: http.ServerResponse): void {
  response.writeHead(404, { "content-type": "text/plain" });
  response.end(
    "there are /v1/node, /v1/verify, /v1/bgp, /v1/bgp/routes, /v1/bgp/why, /v1/bgp/log, /v1/bgp/render, /liveness, /readiness and /metrics\n",
  );
}

async function answered(response: http.ServerResponse, make: () => Promise<ApiAnswer | undefined>): Promise<void> {
  try {
    const answer = await make();
    if (!answer) refuse(response);
    else if ("json" in answer) {
      const text = formatJson(await answer.json);
      response.writeHead(200, { "content-type": "application/json" }).end(text);
    } else if ("lines" in answer) {
      response.writeHead(200, { "content-type": "application/x-ndjson" });
      await pipeline(Readable.from(answer.lines), response);
    } else live(response, answer.live);
  } catch (failure) {
    // Who asked has gone, or is told in the middle of an answer by its end.
    if (response.headersSent) response.destroy();
    else
      response
        .writeHead(failure instanceof ApiError ? 400 : 500, { "content-type": "text/plain" })
        .end(messageOf(failure));
  }
}

function live(response: http.ServerResponse, start: (write: (line: string) => void) => () => void): void {
  response.writeHead(200, { "content-type": "application/x-ndjson" });
  response.flushHeaders();
  let left = 0;
  const end = start((line) => {
    if (response.writableLength > MOST_WAITING_OCTETS) {
      left++;
      return;
    }
    if (left > 0) response.write(`${formatJson({ left })}\n`);
    left = 0;
    response.write(`${line}\n`);
  });
  response.on("close", end);
  response.on("error", end);
}
