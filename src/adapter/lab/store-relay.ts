/** The store on a TCP port of another network namespace: connections are carried to its Unix socket. */
import net from "node:net";

export interface StoreRelay {
  close(): void;
}

/** Accepts on a listening socket that was made elsewhere and inherited. */
export function relayStore(listeningFd: number, storeSocket: string): StoreRelay {
  const open = new Set<net.Socket>();
  const server = net.createServer((client) => {
    const upstream = net.connect({ path: storeSocket });
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(one);
      one.pipe(other);
      // Either end's trouble ends both: the other sees a closed connection, as from the store itself.
      one.on("error", () => other.destroy());
      one.on("close", () => {
        open.delete(one);
        other.destroy();
      });
    }
  });
  server.listen({ fd: listeningFd });
  return {
    close: () => {
      server.close();
      for (const one of open) one.destroy();
    },
  };
}
