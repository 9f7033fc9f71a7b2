/** Sends octets to a Unix socket that are no request, for tests. Resolves when the connection is over, however. */
import net from "node:net";

export const sendRaw = (socketPath: string, octets: Uint8Array): Promise<void> =>
  new Promise((resolve) => {
    const socket = net.connect(socketPath);
    socket.on("error", () => undefined);
    socket.on("close", () => resolve());
    socket.resume();
    socket.end(octets);
  });
