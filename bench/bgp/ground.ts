/**
 * A namespace for the daemon and one for its peers, a veth pair between them. The peers' addresses are a local route of their
 * namespace, so that a thousand of them cost no more than one. The gateways of the routes are on the wire, and nobody has them.
 */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { TcpBgpTransport } from "../../src/adapter/bgp/tcp-transport.ts";
import { createNamespace, type TestNamespace } from "../../src/testing/netns.ts";

export const DAEMON_ADDRESS = "10.0.0.1";
/** On the peers' side, and no peer's. */
export const STRANGER_ADDRESS = "10.0.0.2";
const PEERS = "10.1.0.0/16";

/** Of the peer with this number, below 50,000. */
export const peerAddress = (at: number): string => `10.1.${Math.floor(at / 200)}.${1 + (at % 200)}`;

export class Ground {
  readonly daemon: TestNamespace = createNamespace();
  readonly peers: TestNamespace = createNamespace();
  readonly transport: TcpBgpTransport;
  readonly folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-bench-"));

  constructor() {
    fs.chmodSync(this.folder, 0o777);
    this.daemon.ip(`link add v0 type veth peer name v0 netns ${this.peers.path}`);
    for (const [namespace, address, address6] of [
      [this.daemon, DAEMON_ADDRESS, "fd00::ffff:1"],
      [this.peers, STRANGER_ADDRESS, "fd00::ffff:2"],
    ] as const) {
      namespace.ip("link set lo up");
      namespace.ip(`address add ${address}/8 dev v0`);
      namespace.ip(`address add ${address6}/64 dev v0 nodad`);
      namespace.ip("link set v0 up");
    }
    this.peers.ip(`route add local ${PEERS} dev lo`);
    this.transport = new TcpBgpTransport(this.peers.net);
  }

  file(name: string): string {
    return path.join(this.folder, name);
  }

  /** Prefixes in the main table of the daemon's namespace, told first. Without rules the local table is the same trie, told again. */
  kernelPrefixes(): number {
    const text = this.daemon.net.run(() => fs.readFileSync("/proc/thread-self/net/fib_triestat", "utf8"));
    return Number(/Prefixes:\s+(\d+)/.exec(text)?.[1]);
  }

  close(): void {
    this.transport.close();
    this.daemon.close();
    this.peers.close();
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}
