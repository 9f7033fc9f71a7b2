/** `/liveness` and `/readiness` for Kubernetes' probes: 200 with a table, 204 without one, 503 when bad. */
import type http from "node:http";
import type { HealthSummary } from "../port/health.ts";

export function healthHandler(summary: () => HealthSummary): http.RequestListener {
  return (request, response) => {
    const path = request.url?.split("?")[0];
    if (path !== "/liveness" && path !== "/readiness") {
      response.writeHead(404, { "content-type": "text/plain" }).end("there are /liveness and /readiness\n");
      return;
    }
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.writeHead(405, { allow: "GET, HEAD", "content-type": "text/plain" }).end("only GET and HEAD\n");
      return;
    }
    const { isLive, isReady, detail } = summary();
    const isGood = path === "/liveness" ? isLive : isReady;
    const status = !isGood ? 503 : detail === "" ? 204 : 200;
    response.writeHead(status, status === 204 ? {} : { "content-type": "text/plain; charset=utf-8" });
    response.end(status === 204 ? undefined : detail);
  };
}
