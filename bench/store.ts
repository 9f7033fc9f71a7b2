/**
 * Durable puts a second of `ocicat store` and of Debian's etcd, in the same run, driven by the same foreign client
 * (@grpc/grpc-js) over TCP on loopback: one client, and 64 with a connection each, every one with a single put under way.
 * Both sync to disk before they answer. Rounds are interleaved and change their order, since the machine is not alone.
 *
 *   node bench/store.ts [--rounds N] [--seconds S] [--value OCTETS]
 *
 * Bars: at least 1.0 times etcd with one client, 0.8 times with 64.
 */
import fs from "node:fs";
import net, { type AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import grpc from "@grpc/grpc-js";
import { DebianEtcd } from "../src/testing/debian-etcd.ts";
import { StoreProcess } from "../src/testing/store-process.ts";
import { putRequest } from "../src/wire/etcd/kv.ts";
import { kvMethods } from "../src/wire/etcd/services.ts";
import { encode } from "../src/wire/protobuf.ts";

const BARS = [
  { clients: 1, least: 1.0 },
  { clients: 64, least: 0.8 },
] as const;
/** Distinct keys that are written over and over. */
const KEYS = 10_000;

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "7" },
    seconds: { type: "string", default: "2" },
    value: { type: "string", default: "512" },
  },
});
const rounds = Number(values.rounds);
const forMs = Number(values.seconds) * 1_000;
const value = Buffer.alloc(Number(values.value), "v");

interface Contender {
  readonly name: string;
  readonly address: string;
}

interface Score {
  readonly putsPerSecond: number;
  /** Of one put, milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

function put(client: grpc.Client, number: number): Promise<void> {
  const key = `/calico/bench/${String(number % KEYS).padStart(8, "0")}`;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      kvMethods.put.path,
      () => Buffer.from(encode(putRequest, { key, value })),
      (octets: Buffer) => octets,
      null,
      (failure) => (failure ? reject(failure) : resolve()),
    );
  });
}

/** Lets the clients put for a while, each one put after the other. */
async function drive({ address }: Contender, count: number): Promise<Score> {
  const own = { "grpc.use_local_subchannel_pool": 1 };
  const clients = Array.from({ length: count }, () => new grpc.Client(address, grpc.credentials.createInsecure(), own));
  await Promise.all(clients.map((client, at) => put(client, at)));
  const times: number[] = [];
  let number = 0;
  const began = performance.now();
  const until = began + forMs;
  await Promise.all(
    clients.map(async (client) => {
      for (let at = performance.now(); at < until; ) {
        await put(client, number++);
        const now = performance.now();
        times.push(now - at);
        at = now;
      }
    }),
  );
  const seconds = (performance.now() - began) / 1_000;
  for (const client of clients) client.close();
  times.sort((a, b) => a - b);
  const quantile = (q: number): number => times[Math.floor((times.length - 1) * q)] ?? 0;
  return { putsPerSecond: times.length / seconds, p50: quantile(0.5), p99: quantile(0.99) };
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const median = (numbers: readonly number[]): number =>
  [...numbers].sort((a, b) => a - b)[Math.floor((numbers.length - 1) / 2)] ?? 0;

function residentMiB(pid: number): number {
  return (Number(fs.readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * 4_096) / (1 << 20);
}

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-bench-"));
const ours = new StoreProcess(path.join(folder, "ours"));
const theirs = new DebianEtcd(path.join(folder, "etcd"));
let isMet = true;
try {
  for (const { folder } of [ours, theirs]) fs.mkdirSync(folder);
  await ours.start();
  const url = `http://127.0.0.1:${await freePort()}`;
  const usual = ["--heartbeat-interval", "100", "--election-timeout", "1000"];
  await theirs.start("bench", ...usual, "--listen-client-urls", `${url},unix://client:1`);
  const contenders: readonly Contender[] = [
    { name: "ocicat", address: ours.address },
    { name: "etcd", address: url.slice("http://".length) },
  ];
  for (const contender of contenders) await drive(contender, 64);
  for (const { clients, least } of BARS) {
    const ratios: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const order = round % 2 === 0 ? contenders : [...contenders].reverse();
      const scores = new Map<string, Score>();
      for (const contender of order) scores.set(contender.name, await drive(contender, clients));
      const [mine, other] = contenders.map(({ name }) => scores.get(name));
      if (!mine || !other) continue;
      ratios.push(mine.putsPerSecond / other.putsPerSecond);
      const show = ({ putsPerSecond, p50, p99 }: Score): string =>
        `${putsPerSecond.toFixed(0).padStart(6)}/s p50 ${p50.toFixed(2)} p99 ${p99.toFixed(1)} ms`;
      console.log(`${clients} clients: ocicat ${show(mine)}, etcd ${show(other)}: ${ratios.at(-1)?.toFixed(2)}`);
    }
    const ratio = median(ratios);
    isMet &&= ratio >= least;
    console.log(`store: ${clients} clients: ${ratio.toFixed(2)} times etcd (median of ${rounds}), bar ${least}`);
  }
  console.log(
    `store: resident ocicat ${residentMiB(ours.pid).toFixed(0)} MiB, etcd ${residentMiB(theirs.pid).toFixed(0)} MiB`,
  );
} finally {
  await ours.stop("SIGKILL");
  await theirs.stop();
  fs.rmSync(folder, { recursive: true });
}
process.exit(isMet ? 0 : 1);
