/** The Unix socket by which the process of a tunnel is asked, told and ended. Only its own user may connect. */
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

/** Listens. A file that is there is a dead process's: whoever calls this holds the lock. */
export async function listenForAgent(path: string, tunnel: ControlledTunnel): Promise<{ close(): void }> {
  fs.rmSync(path, { force: true });
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    const answer = (status: number, body: JsonObject): void => {
      response.writeHead(status, { "content-type": "application/json" }).end(formatJson(body));
    };
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      if (request.url !== TUNNEL_PATH) return answer(404, {});
      try {
        if (request.method === "DELETE") response.once("finish", () => tunnel.end());
        if (request.method === "POST") tunnel.change(decodeChange(Buffer.concat(chunks).toString("utf8")));
        answer(200, encodeState(tunnel.state()));
      } catch (failure) {
        if (!(failure instanceof KernelError)) throw failure;
        answer(500, encodeRefusal(failure));
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
