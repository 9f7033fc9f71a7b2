/** Whether the programs of a lab are ready, asked the way their users reach them. */
import http from "node:http";
import net from "node:net";

const TIMEOUT_MS = 2_000;

/** Whether something accepts connections on a Unix socket. */
export function acceptsConnections(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = net.connect({ path: socket });
    connection.setTimeout(TIMEOUT_MS, () => connection.destroy());
    connection.once("connect", () => {
      connection.destroy();
      resolve(true);
    });
    connection.once("error", () => resolve(false));
    connection.once("close", () => resolve(false));
  });
}

/** Whether a GET of the path answers 200 on a Unix socket. */
export function answersOk(socket: string, path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = http.get({ socketPath: socket, path, timeout: TIMEOUT_MS, agent: false }, (response) => {
      response.resume();
      response.once("end", () => resolve(response.statusCode === 200));
    });
    request.once("timeout", () => request.destroy());
    request.once("error", () => resolve(false));
    request.once("close", () => resolve(false));
  });
}
