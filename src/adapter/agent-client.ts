/** Asking an agent: HTTP with JSON on its Unix socket. */
import http from "node:http";
import readline from "node:readline";
import { text } from "node:stream/consumers";
import { CodedError } from "../base/errors.ts";
import { type Json, parseJson } from "../base/json.ts";
import { type AgentPlace, agentAwayText } from "./agent-away.ts";

export class AgentError extends CodedError<"agentAway" | "agentRefused", { socket: string; path: string }> {}

const DEADLINE_MS = 30_000;

/**
 * GET of a path whose answer is lines of JSON, as they come: resolves when it begins; it ends with the answer, or when the
 * caller stops. Throws AgentError as `askAgent` does.
 */
export const agentLines = async (agent: AgentPlace, path: string): Promise<AsyncGenerator<Json>> =>
  linesOf(await begun(agent, path), agent, path);

async function* linesOf(response: http.IncomingMessage, agent: AgentPlace, path: string): AsyncGenerator<Json> {
  try {
    for await (const line of readline.createInterface({ input: response })) yield parseJson(line);
    if (!response.complete) throw away(agent, path, new Error("the answer broke off"));
  } finally {
    response.destroy();
  }
}

function begun(agent: AgentPlace, path: string): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = http.get({ socketPath: agent.socket, path, agent: false }, (response) => {
      if (response.statusCode === 200) resolve(response);
      else text(response).then((said) => reject(refused(agent, path, response, said)), reject);
    });
    request.on("error", (cause) => reject(away(agent, path, cause)));
  });
}

const away = (agent: AgentPlace, path: string, failure: Error): AgentError =>
  new AgentError("agentAway", agentAwayText(agent, failure), { socket: agent.socket, path });

/** 400 is for what was asked: the agent says it in words for people. */
const refused = (
  { socket }: AgentPlace,
  path: string,
  { statusCode }: http.IncomingMessage,
  said: string,
): AgentError =>
  new AgentError("agentRefused", statusCode === 400 ? said : `the agent answers ${statusCode}: ${said}`, {
    socket,
    path,
  });

/** GET of a path. Throws AgentError: `agentAway` when nothing answers there, `agentRefused` for any status but 200. */
export function askAgent(agent: AgentPlace, path: string): Promise<Json> {
  return new Promise((resolve, reject) => {
    const failed = (cause: Error) => reject(away(agent, path, cause));
    const request = http.get({ socketPath: agent.socket, path, timeout: DEADLINE_MS }, (response) => {
      text(response).then((said) => {
        if (response.statusCode === 200) resolve(parseJson(said));
        else reject(refused(agent, path, response, said));
      }, failed);
    });
    request.on("timeout", () => request.destroy(new Error(`no answer within ${DEADLINE_MS / 1000} s`)));
    request.on("error", failed);
  });
}
