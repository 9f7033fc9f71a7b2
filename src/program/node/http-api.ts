/** What an agent answers on its Unix socket, in HTTP with JSON: for people's commands, probes and scrapers. */
import type http from "node:http";
import { messageOf } from "../../base/errors.ts";
import { formatJson } from "../../base/json.ts";

export interface NodeApi {
  report(): unknown;
  verify(): Promise<unknown>;
  /** `bgp` is missing where the agent speaks none. */
  bgp(): { readonly bgp?: unknown };
  readonly turn: <T>(name: string, work: () => T) => T;
  readonly health: http.RequestListener;
  readonly metrics: http.RequestListener;
}

export function nodeApi(api: NodeApi): http.RequestListener {
  const answer = (response: http.ServerResponse, path: string, make: () => Promise<unknown>): void =>
    api.turn(`api ${path}`, () => void answered(response, make));
  return (request, response) => {
    switch (request.url?.split("?")[0]) {
      case "/v1/node":
        answer(response, "/v1/node", async () => api.report());
        break;
      case "/v1/verify":
        answer(response, "/v1/verify", () => api.verify());
        break;
      case "/v1/bgp":
        answer(response, "/v1/bgp", async () => api.bgp());
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
        response.end("there are /v1/node, /v1/verify, /v1/bgp, /liveness, /readiness and /metrics\n");
    }
  };
}

async function answered(response: http.ServerResponse, make: () => Promise<unknown>): Promise<void> {
  try {
    const text = formatJson(await make());
    response.writeHead(200, { "content-type": "application/json" }).end(text);
  } catch (failure) {
    response.writeHead(500, { "content-type": "text/plain" }).end(messageOf(failure));
  }
}
