/**
 * The agent's side of the plugin alone, as a process of its own, for `cni-add.ts`: store, addresses, CNI server and
 * socket, and the host's routes to the pods. Arguments: socket path, and `memory` or the endpoint of an etcd v3 store.
 * Prints `ready`, and for each line on standard input the longest turn of its event loop since the last.
 */
import { createInterface } from "node:readline";
import { listenAgentSocket } from "../src/adapter/agent-socket.ts";
import { SystemClock, SystemWallClock } from "../src/adapter/clock.ts";
import { LinuxNamespaces } from "../src/adapter/linux/namespaces.ts";
import { StreamLog } from "../src/adapter/log.ts";
import { SystemRandom } from "../src/adapter/random.ts";
import { EtcdStore } from "../src/adapter/store/etcd-store.ts";
import { addressesOf, hostInterfaceOf } from "../src/cni/endpoints.ts";
import { CniServer } from "../src/cni/server.ts";
import { hostPrefix } from "../src/ip/prefix.ts";
import { Ipam } from "../src/ipam/ipam.ts";
import { Rtnetlink } from "../src/kernel/rtnetlink.ts";
import { TakenDevices } from "../src/kernel/taken-devices.ts";
import type { Store } from "../src/port/store.ts";
import { etcdKeys } from "../src/resources/etcd-keys.ts";
import { MemoryStore } from "../src/testing/memory-store.ts";
import { poolObject, stored } from "../src/testing/objects.ts";

const [, , socketPath = "", endpoint = "memory"] = process.argv;

const clock = new SystemClock();
const store: Store =
  endpoint === "memory" ? new MemoryStore() : new EtcdStore({ endpoints: [endpoint], keys: etcdKeys, clock });
const wallClock = new SystemWallClock();
const log = new StreamLog({ stream: process.stderr, clock: wallClock, level: "warn", isTerminal: false });
const namespaces = new LinuxNamespaces();
const kernel = new Rtnetlink(namespaces.own(), clock);
for (const { key, value } of [
  poolObject("default-ipv4-ippool", "192.168.0.0/16"),
  stored("ClusterInformation", "default", { spec: { datastoreReady: true } }),
]) {
  await store.write([{ op: "put", key, value }]);
}

const server = new CniServer({
  store,
  ipam: new Ipam({ store, wallClock, log }),
  namespaces,
  taken: new TakenDevices(clock),
  clock,
  wallClock,
  log,
  nodeName: "bench",
  podMtu: () => 1450,
  ready: () => ({ ok: true }),
  endpoints: {
    changed: async (changed) => {
      const device = kernel.link(hostInterfaceOf(changed))?.index ?? 0;
      const common = { table: 254, type: "unicast", protocol: 3, scope: 253, metric: 0, hops: [{ device }] } as const;
      await kernel.executeOffLoop(
        addressesOf(changed).map(({ address }) => ({
          type: "addRoute",
          route: { ...common, destination: hostPrefix(address) },
        })),
      );
    },
    removed: async () => undefined,
  },
  random: new SystemRandom(),
  openLog: () => log,
  install: async () => "",
});
await listenAgentSocket({
  path: socketPath,
  cni: (call) => server.handle(call),
  http: (_request, response) => response.end(),
  log,
});

// CPU time of this thread between two passes of the loop: an upper limit of what one turn takes, whatever else the
// machine does meanwhile.
let longestMicros = 0;
let lastMicros = 0;
const cpuMicros = (): number => {
  const { user, system } = process.threadCpuUsage();
  return user + system;
};
setInterval(() => {
  const now = cpuMicros();
  longestMicros = Math.max(longestMicros, now - lastMicros);
  lastMicros = now;
}, 1);
const requests = createInterface({ input: process.stdin });
// Whoever started this is gone.
requests.on("close", () => process.exit());
requests.on("line", () => {
  console.log(JSON.stringify({ maxTurnMs: longestMicros / 1e3 }));
  longestMicros = 0;
  lastMicros = cpuMicros();
});
lastMicros = cpuMicros();
console.log("ready");
