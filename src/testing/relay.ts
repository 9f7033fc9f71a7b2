/** A relay in front of a server's socket, to take the server away from some of its clients and to give it back. */
import fs from "node:fs";
import net from "node:net";

export class Relay {
  /** The socket that clients connect to. */
  readonly path: string;
  readonly #target: string;
  readonly #connections = new Set<net.Socket>();
  #server: net.Server | undefined;

  /** Both are paths of Unix sockets; call `mend` to begin. */
  constructor(path: string, target: string) {
    this.path = path;
    this.#target = target;
  }

  /** Accepts connections again. */
  async mend(): Promise<void> {
    fs.rmSync(this.path, { force: true });
    const server = net.createServer((socket) => this.#join(socket));
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.path, resolve);
    });
  }

  #join(client: net.Socket): void {
    const upstream = net.connect(this.#target);
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      this.#connections.add(one);
      one.pipe(other);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        this.#connections.delete(one);
        other.destroy();
      });
    }
  }

  /** Ends every connection and refuses new ones. */
  async cut(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (!server) return;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const connection of this.#connections) connection.destroy();
    await closed;
  }
}
