/**
 * What every pod and the outside host answer: TCP and UDP echo (RFC 862), and HTTP. The sockets are made in the
 * namespace of whom they serve; all of them are served by the one process of the lab's supervisor.
 */
import dgram from "node:dgram";
import http from "node:http";
import net from "node:net";
import { ECHO_PORT, type EchoService, type EchoServices, HTTP_PORT } from "../../port/echo-services.ts";
import type { NetNamespace } from "../../port/namespaces.ts";
import { InetSocket } from "../linux/inet-socket.ts";

export const echoServices: EchoServices = { start };

function start(ns: NetNamespace, greeting: string, httpPorts: readonly number[]): EchoService {
  const closers: (() => void)[] = [];
  const close = () => {
    for (const one of closers.splice(0)) one();
  };
  try {
    closers.push(tcpEcho(ns), udpEcho(ns));
    for (const port of new Set([HTTP_PORT, ...httpPorts])) closers.push(httpGreeting(ns, port, greeting));
  } catch (failure) {
    close();
    throw failure;
  }
  return { close };
}

/** A listening socket is made here, since Node's own listen errors come in a later turn. */
function boundSocket(ns: NetNamespace, type: "tcp" | "udp", port: number): number {
  return ns.run(() => {
    const socket = new InetSocket(type);
    try {
      socket.bind(port);
    } catch (failure) {
      socket.close();
      throw failure;
    }
    return socket.detach();
  });
}

function tcpEcho(ns: NetNamespace): () => void {
  const sockets = new Set<net.Socket>();
  const server = net.createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    // A peer that goes away is the peer's business.
    socket.on("error", () => socket.destroy());
    socket.pipe(socket);
  });
  server.listen({ fd: boundSocket(ns, "tcp", ECHO_PORT) });
  return () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
}

function udpEcho(ns: NetNamespace): () => void {
  const socket = dgram.createSocket("udp4");
  socket.on("message", (message, peer) => {
    // A failed answer is a lost one, as any datagram may be.
    socket.send(message, peer.port, peer.address, () => {});
  });
  socket.bind({ fd: boundSocket(ns, "udp", ECHO_PORT) });
  return () => socket.close();
}

function httpGreeting(ns: NetNamespace, port: number, greeting: string): () => void {
  const server = http.createServer((request, response) => {
    const peer = request.socket.remoteAddress ?? "?";
    response.setHeader("content-type", "text/plain");
    response.end(`${greeting}, hello ${peer}\n`);
  });
  server.listen({ fd: boundSocket(ns, "tcp", port) });
  return () => {
    server.close();
    server.closeAllConnections();
  };
}
