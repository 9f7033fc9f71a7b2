/** The supervisor's ear: HTTP with JSON on a Unix socket. POST /VERB with a JSON body; a stream ends when its reader goes. */
import http from "node:http";
import { CodedError, messageOf } from "../../base/errors.ts";
import { formatJson, type JsonObject, parseJson } from "../../base/json.ts";

export interface StreamSink {
  /** False when the reader does not keep up: what follows is better left out than kept. */
  write(chunk: string | Uint8Array): boolean;
  /** Nothing follows. */
  end(): void;
  /** Calls `done` once, when the reader has gone. */
  onGone(done: () => void): void;
}

export interface ControlHandler {
  /** Undefined for a verb that there is not. Errors raised on purpose are told to the caller. */
  readonly answer: (verb: string, body: JsonObject) => Promise<unknown> | undefined;
  readonly stream: (verb: string, body: JsonObject, sink: StreamSink) => boolean;
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
  try {
    const verb = (request.url ?? "/").slice(1);
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
    if (handler.stream(verb, body, sink)) {
      response.writeHead(200, { "content-type": "application/octet-stream" });
      response.flushHeaders();
      return;
    }
    end(response, 404, { code: "noVerb", message: `the lab knows no '${verb}'` });
  } catch (failure) {
    const code = failure instanceof CodedError ? failure.code : "fault";
    const message = failure instanceof CodedError || !(failure instanceof Error) ? messageOf(failure) : failure.stack;
    if (!response.headersSent) end(response, 400, { code, message });
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
  const body = text === "" ? {} : parseJson(text);
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new CodedError("badRequest", "the request is no JSON object", {});
  }
  return body as JsonObject;
}
