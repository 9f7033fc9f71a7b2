/** The supervisor's ear: HTTP with JSON on a Unix socket. POST /VERB with a JSON body; a stream ends when its reader goes. */
import http from "node:http";
import { CodedError, messageOf } from "../../base/errors.ts";
import { formatJson, type Json, type JsonObject, parseJson } from "../../base/json.ts";

export interface StreamSink {
  /** False when the reader does not keep up: what follows is better left out than kept. */
  write(chunk: string | Uint8Array): boolean;
  /** Nothing follows. */
  end(): void;
  /** Calls `done` once, when the reader has gone. */
  onGone(done: () => void): void;
}

export interface ControlHandler {
  /** Undefined for a verb that there is not. The caller is told the message of an error, and a stack stays here. */
  readonly answer: (verb: string, body: JsonObject) => Promise<unknown> | undefined;
  /** A fault of the lab's own, not of the request: for the log. */
  readonly failed: (verb: string, failure: unknown) => void;
  /** Resolves when the stream has begun, before anything is written to it; undefined for a verb that there is not. */
  readonly stream: (verb: string, body: JsonObject, sink: StreamSink) => Promise<void> | undefined;
}

const LARGEST_BODY = 4 << 20;

export interface ControlServer {
  close(): void;
}

/** Resolves when it listens. */
export function serveControl(socket: string, handler: ControlHandler): Promise<ControlServer> {
  const server = http.createServer((request, response) => {
    void respond(request, response, handler);
  });
  // A check of many pods takes its time.
  server.requestTimeout = 0;
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ path: socket }, () =>
      resolve({
        close: () => {
          server.close();
          server.closeAllConnections();
        },
      }),
    );
  });
}

async function respond(
  request: http.IncomingMessage,
  response: http.ServerResponse,
  handler: ControlHandler,
): Promise<void> {
  const verb = (request.url ?? "/").slice(1);
  try {
    const body = await readBody(request);
    const sink: StreamSink = {
      write: (chunk) => {
        if (response.writableLength > LARGEST_BODY) return false;
        response.write(chunk);
        return true;
      },
      end: () => void response.end(),
      onGone: (done) => response.once("close", done),
    };
    const answered = handler.answer(verb, body);
    if (answered) {
      end(response, 200, (await answered) ?? {});
      return;
    }
    const begun = handler.stream(verb, body, sink);
    if (begun) {
      await begun;
      response.writeHead(200, { "content-type": "application/octet-stream" });
      response.flushHeaders();
      return;
    }
    end(response, 404, { code: "noVerb", message: `the lab knows no '${verb}'` });
  } catch (failure) {
    const code = failure instanceof CodedError ? failure.code : "fault";
    // A caller that went away in the middle hears nothing and is no fault.
    if (!request.complete && request.destroyed) return;
    if (code === "fault") handler.failed(verb, failure);
    if (!response.headersSent) end(response, 400, { code, message: messageOf(failure) });
    else response.destroy();
  }
}

function end(response: http.ServerResponse, status: number, answer: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(`${formatJson(answer)}\n`);
}

async function readBody(request: http.IncomingMessage): Promise<JsonObject> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) {
    text += chunk;
    if (text.length > LARGEST_BODY) throw new CodedError("tooLong", "the request is too long", {});
  }
  const body = text === "" ? {} : tryParse(text);
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new CodedError("badRequest", "the request is no JSON object", {});
  }
  return body as JsonObject;
}

function tryParse(text: string): Json | undefined {
  try {
    return parseJson(text);
  } catch (failure) {
    if (failure instanceof SyntaxError) return undefined;
    throw failure;
  }
}
