/** What an agent answers on its Unix socket, in HTTP with JSON: for people's commands, probes and scrapers. */
import type http from "node:http";
import { messageOf } from "../../base/errors.ts";
import { formatJson } from "../../base/json.ts";

export interface NodeApi {
  report(): unknown;
  verify(): Promise<unknown>;
  readonly health: http.RequestListener;
  readonly metrics: http.RequestListener;
}

export function nodeApi(api: NodeApi): http.RequestListener {
  return (request, response) => {
    switch (request.url?.split("?")[0]) {
      case "/v1/node":
        answer(response, async () => api.report());
        break;
      case "/v1/verify":
        answer(response, () => api.verify());
        break;
      case "/liveness":
      case "/readiness":
        api.health(request, response);
        break;
      case "/metrics":
        api.metrics(request, response);
        break;
      default:
        response.writeHead(404, { "content-type": "text/plain" });
        response.end("there are /v1/node, /v1/verify, /liveness, /readiness and /metrics\n");
    }
  };
}

function answer(response: http.ServerResponse, make: () => Promise<unknown>): void {
  make().then(
    (value) => response.writeHead(200, { "content-type": "application/json" }).end(formatJson(value)),
    (failure: unknown) => response.writeHead(500, { "content-type": "text/plain" }).end(messageOf(failure)),
  );
}
