/**
 * The Unix socket by which the process of a tunnel is asked, told and ended. Only its own user may connect; whatever comes in,
 * packets go on.
 */
import { once } from "node:events";
import fs from "node:fs";
import http from "node:http";
import { formatJson, type JsonObject } from "../../base/json.ts";
import { KernelError } from "../../port/netlink.ts";
import type { TunnelChange, TunnelState } from "../../port/tunnel-server.ts";
import { decodeChange, encodeRefusal, encodeState, TUNNEL_PATH } from "./control-words.ts";

export interface ControlledTunnel {
  state(): TunnelState;
  /** Throws KernelError. */
  change(change: TunnelChange): void;
  end(): void;
}

/** Some 16 octets for each of the nodes that one change adds. */
const LARGEST_BODY_OCTETS = 1 << 20;

/** Listens. A file that is there is a dead process's: whoever calls this holds the lock. */
export async function listenForAgent(path: string, tunnel: ControlledTunnel): Promise<{ close(): void }> {
  fs.rmSync(path, { force: true });
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    let octets = 0;
    const answer = (status: number, body: JsonObject): void => {
      response.writeHead(status, { "content-type": "application/json" }).end(formatJson(body));
    };
    request.on("data", (chunk: Buffer) => {
      octets += chunk.length;
      if (octets <= LARGEST_BODY_OCTETS) chunks.push(chunk);
    });
    request.on("end", () => {
      if (request.url !== TUNNEL_PATH) return answer(404, {});
      if (octets > LARGEST_BODY_OCTETS) return answer(413, { message: `more than ${LARGEST_BODY_OCTETS} octets` });
      try {
        if (request.method === "DELETE") response.once("finish", () => tunnel.end());
        if (request.method === "POST") tunnel.change(decodeChange(Buffer.concat(chunks).toString("utf8")));
        answer(200, encodeState(tunnel.state()));
      } catch (failure) {
        if (failure instanceof KernelError) answer(500, encodeRefusal(failure));
        else if (failure instanceof SyntaxError) answer(400, { message: `the change is no JSON: ${failure.message}` });
        else throw failure;
      }
    });
  });
  const mask = process.umask(0o077);
  server.listen(path);
  process.umask(mask);
  await once(server, "listening");
  return {
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
