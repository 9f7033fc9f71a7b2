/** For the benches of IP-in-IP: two hosts on one wire, and what is measured between them. */
import { type ChildProcess, spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { tunnelMac } from "../src/bpf/ipip-frame.ts";
import { type Ipv4, parseAddress } from "../src/ip/address.ts";
import { createNamespace, type TestNamespace } from "../src/testing/netns.ts";

export interface Host {
  readonly at: TestNamespace;
  readonly address: string;
  readonly tunnelAddress: string;
}

const PINGS = 20_000;
const LOOK_MS = 10;

export class Pair {
  readonly one: Host = { at: createNamespace(), address: "10.30.0.136", tunnelAddress: "192.168.219.64" };
  readonly two: Host = { at: createNamespace(), address: "10.30.0.206", tunnelAddress: "192.168.226.64" };
  readonly #seconds: string;
  #server: ChildProcess | undefined;

  /** `seconds` that a measurement lasts. */
  constructor(seconds: string) {
    this.#seconds = seconds;
    this.one.at.ip(`link add ens5 type veth peer name ens5 netns ${this.two.at.path}`);
    for (const { at, address } of this.hosts) {
      at.ip("link set lo up");
      at.ip(`address add ${address}/24 dev ens5`);
      at.ip("link set ens5 up");
    }
  }

  get hosts(): readonly [Host, Host] {
    return [this.one, this.two];
  }

  other(host: Host): Host {
    return host === this.one ? this.two : this.one;
  }

  /** Address, neighbour and route, as an agent sets them on a `tunl0` that is there. */
  routeByTunnel(host: Host): void {
    const { at, tunnelAddress } = host;
    const other = this.other(host);
    at.ip(`address add ${tunnelAddress}/32 dev tunl0`);
    const mac = tunnelMac(parseAddress(other.address) as Ipv4);
    at.ip(`neighbour add ${other.address} lladdr ${mac} dev tunl0 nud permanent`);
    at.ip(`route add ${other.tunnelAddress}/26 via ${other.address} dev tunl0 onlink`);
  }

  /** What it says goes into a file of `folder`: nobody would read a pipe while a measurement is waited for, and it would fill. */
  async serve(folder: string): Promise<void> {
    const log = path.join(folder, "iperf3.log");
    const args = ["-s", "--forceflush", "--logfile", log];
    this.#server = this.two.at.net.run(() => spawn("iperf3", args, { stdio: "ignore" }));
    while (!fs.existsSync(log) || !fs.readFileSync(log, "utf8").includes("listening")) {
      if (this.#server.exitCode !== null) throw new Error(`iperf3 ended with ${this.#server.exitCode}`);
      await setTimeout(LOOK_MS);
    }
  }

  /** Sender and receiver keep to a core each: where the scheduler puts them is not what is measured. */
  iperf(to: string, ...options: readonly string[]): Iperf {
    const call = ["-J", "-A", "0,1", "-c", to, "-t", this.#seconds, ...options];
    return JSON.parse(this.one.at.run("iperf3", ...call)) as Iperf;
  }

  close(): void {
    this.#server?.kill();
    for (const { at } of this.hosts) at.close();
  }
}

interface Iperf {
  readonly end: {
    readonly sum_received?: { readonly bits_per_second: number };
    readonly sum?: { readonly packets: number; readonly lost_percent: number; readonly seconds: number };
    readonly cpu_utilization_percent: { readonly host_total: number; readonly remote_total: number };
  };
}

export type Measure = (pair: Pair, to: string) => number;

/** Higher is better in all of them. */
export const measures = {
  "TCP, Gbit/s": (pair, to) => (pair.iperf(to).end.sum_received?.bits_per_second ?? 0) / 1e9,
  "UDP of 64 octets, 1,000 packets/s received": (pair, to) => {
    const { packets = 0, lost_percent = 0, seconds = 1 } = pair.iperf(to, "-u", "-l", "64", "-b", "0").end.sum ?? {};
    return (packets * (1 - lost_percent / 100)) / seconds / 1_000;
  },
  // One after the other; what ping says of each has a resolution of a quarter of it.
  "round trips of a ping, 1,000/s": ({ one }, to) => {
    const text = one.at.run("ping", "-q", "-f", "-c", `${PINGS}`, to);
    return PINGS / Number(/time (\d+)ms/.exec(text)?.[1]);
  },
} as const satisfies Readonly<Record<string, Measure>>;

export const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;

export function printLoad(when: string): void {
  const loads = os.loadavg().map((load) => load.toFixed(1));
  console.log(`load ${when}: ${loads.join(" ")}`);
}

/** One thing beside another, in rounds that take turns. */
export function compare(
  pair: Pair,
  all: Readonly<Record<string, Measure>>,
  ours: { readonly name: string; readonly to: string; readonly bar: number },
  other: { readonly name: string; readonly to: string },
  rounds: number,
): void {
  for (const [name, measure] of Object.entries(all)) {
    const measured: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      measured[0].push(measure(pair, other.to));
      measured[1].push(measure(pair, ours.to));
    }
    const [theirs, own] = measured.map(median) as [number, number];
    const ratio = own / theirs;
    const verdict = ratio >= ours.bar ? "" : `  missed: ${ours.bar}`;
    const pairs = `${ours.name} ${own.toFixed(2)}, ${other.name} ${theirs.toFixed(2)}`;
    console.log(`${name}: ${pairs}, ${ratio.toFixed(2)}×${verdict}`);
  }
}
