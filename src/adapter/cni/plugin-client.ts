/** A call of the plugin from Node.js: what the executable does, for hosts whose processor it does not speak. */
import net from "node:net";
import { decodeAnswer, encodeCall, type PluginAnswer } from "../../wire/plugin-call.ts";

export interface ClientCall {
  /** The first names the program: `calico`. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: Uint8Array;
}

/** The agent's answer; undefined where nobody listens on the socket, or the answer breaks off. */
export function callAgent(socketPath: string, call: ClientCall): Promise<PluginAnswer | undefined> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const socket = net.connect({ path: socketPath });
    socket.on("error", () => resolve(undefined));
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.on("end", () => {
      try {
        resolve(decodeAnswer(Buffer.concat(chunks)));
      } catch {
        // Cut short is no answer: the runtime must not see half a result.
        resolve(undefined);
      }
    });
    socket.write(encodeCall(call));
  });
}
