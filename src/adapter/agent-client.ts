/** Asking an agent: HTTP with JSON on its Unix socket. */
import http from "node:http";
import { CodedError } from "../base/errors.ts";
import { type Json, parseJson } from "../base/json.ts";

export class AgentError extends CodedError<"agentAway" | "agentRefused", { socket: string; path: string }> {}

const DEADLINE_MS = 30_000;

/** GET of a path. Throws AgentError: `agentAway` when nothing answers there, `agentRefused` for any status but 200. */
export function askAgent(socket: string, path: string): Promise<Json> {
  return new Promise((resolve, reject) => {
    const away = (cause: Error) =>
      reject(new AgentError("agentAway", `no agent answers at ${socket}`, { socket, path }, { cause }));
    const request = http.get({ socketPath: socket, path, timeout: DEADLINE_MS }, (response) => {
      const chunks: Buffer[] = [];
      response.on("error", away);
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => {
        const text = Buffer.concat(chunks).toString("utf8");
        if (response.statusCode === 200) resolve(parseJson(text));
        else
          reject(new AgentError("agentRefused", `the agent answers ${response.statusCode}: ${text}`, { socket, path }));
      });
    });
    request.on("timeout", () => request.destroy(new Error(`no answer within ${DEADLINE_MS / 1000} s`)));
    request.on("error", away);
  });
}
