/** Speaking to a lab's supervisor. */
import http from "node:http";
import type { Readable } from "node:stream";
import { CodedError } from "../../base/errors.ts";
import { formatJson, type JsonObject, parseJson } from "../../base/json.ts";

/** `labAway`: nobody answers; any other code is the supervisor's own refusal. */
export class LabControlError extends CodedError<string, { socket: string }> {}

/** Rejects with LabControlError. */
export async function askLab<T>(socket: string, verb: string, body: object = {}): Promise<T> {
  const response = await request(socket, verb, body);
  const answer = parseJson(await textOf(response)) as unknown;
  if (response.statusCode === 200) return answer as T;
  throw refusal(socket, answer as JsonObject);
}

/** The answer as it comes; destroying it ends the stream. Rejects with LabControlError. */
export async function streamFromLab(socket: string, verb: string, body: object): Promise<Readable> {
  const response = await request(socket, verb, body);
  if (response.statusCode === 200) return response;
  throw refusal(socket, parseJson(await textOf(response)) as JsonObject);
}

function request(socket: string, verb: string, body: object): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent = http.request({ socketPath: socket, path: `/${verb}`, method: "POST", agent: false }, resolve);
    sent.once("error", (cause) => {
      reject(new LabControlError("labAway", `the lab at ${socket} does not answer`, { socket }, { cause }));
    });
    sent.end(formatJson(body));
  });
}

async function textOf(response: http.IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of response.setEncoding("utf8")) text += chunk;
  return text;
}

const refusal = (socket: string, answer: JsonObject): LabControlError =>
  new LabControlError(String(answer["code"]), String(answer["message"]), { socket });
