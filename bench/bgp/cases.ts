/** What is measured, each against one daemon that has just been started: peers, what they send, and what is waited for. */
import { performance } from "node:perf_hooks";
import { setTimeout } from "node:timers/promises";
import type { Family } from "../../src/ip/address.ts";
import { type DaemonKind, RunningDaemon } from "./daemons.ts";
import { Ground, peerAddress } from "./ground.ts";
import { announcement, announcements, block, type Load, withdrawal, withdrawals } from "./load.ts";
import { connectAll, type Peer, untilAll, untilListening } from "./peer.ts";
import { untilQuiet } from "./processes.ts";

/** By name; the unit is in the name. */
export type Figures = Readonly<Record<string, number>>;

export interface Case {
  readonly name: string;
  readonly peers: number;
  /** Whether routes go into the kernel's table. */
  readonly kernel?: true;
  readonly joinLate?: true;
  /** Of the routes; left out: IPv4. */
  readonly family?: Family;
  readonly run: (bed: Bed) => Promise<Figures>;
}

export interface Bed {
  readonly ground: Ground;
  readonly daemon: RunningDaemon;
}

const GATEWAYS = 500;
const HUNDRED_THOUSAND: Load = { routes: 100_000, gateways: GATEWAYS };

const quiet = ({ daemon }: Bed, peers: readonly Peer[]): Promise<number> =>
  untilQuiet(daemon.pids, () => peers.every(({ pendingOctets }) => pendingOctets === 0));

/** Starts a stretch that is measured; the answer ends it. */
function measure({ daemon }: Bed): (endAt: number) => { readonly ms: number; readonly cpuMs: number } {
  const cpu = daemon.cpuMs();
  const startAt = performance.now();
  return (endAt) => ({ ms: endAt - startAt, cpuMs: daemon.cpuMs() - cpu });
}

const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;

/** Into an idle session, with nobody to tell. */
export const ingest = (routes: number, family: Family = 4): Case => ({
  name: family === 4 ? `ingest-${routes}` : `ingest6-${routes}`,
  peers: 1,
  family,
  run: async (bed) => {
    const octets = announcements({ routes, gateways: GATEWAYS, family });
    const peers = await connectAll(bed.ground, 0, 1, family);
    await quiet(bed, peers);
    const before = bed.daemon.residentMb();
    const stop = measure(bed);
    peers[0]?.send(octets);
    const { ms, cpuMs } = stop(await quiet(bed, peers));
    return { "read ms": ms, "CPU ms": cpuMs, "added MB": bed.daemon.residentMb() - before };
  },
});

/** To clients that wait while the routes come in. */
export const reflect = (clients: number): Case => ({
  name: `reflect-${clients}`,
  peers: 1 + clients,
  run: async (bed) => {
    const octets = announcements(HUNDRED_THOUSAND);
    const [feeder] = await connectAll(bed.ground, 0, 1);
    const sinks = await connectAll(bed.ground, 1, clients);
    await quiet(bed, sinks);
    const stop = measure(bed);
    feeder?.send(octets);
    return untilTold(bed, sinks, stop);
  },
});

/** To clients that come when the routes are there: from the first dial on. */
export const late = (clients: number): Case => ({
  name: `late-${clients}`,
  joinLate: true,
  peers: 1 + clients,
  run: async (bed) => {
    const [feeder] = await connectAll(bed.ground, 0, 1);
    feeder?.send(announcements(HUNDRED_THOUSAND));
    await quiet(bed, feeder ? [feeder] : []);
    const stop = measure(bed);
    return untilTold(bed, await connectAll(bed.ground, 1, clients), stop);
  },
});

async function untilTold({ daemon }: Bed, sinks: readonly Peer[], stop: ReturnType<typeof measure>): Promise<Figures> {
  const { ms, cpuMs } = stop(await untilAll(sinks, ({ announced }) => announced >= HUNDRED_THOUSAND.routes));
  return { "told ms": ms, "CPU ms": cpuMs, "RSS MB": daemon.residentMb(), "UPDATEs each": sinks[0]?.updates ?? 0 };
}

/** Each node announces its block and learns all others. */
export const cluster = (nodes: number): Case => ({
  name: `cluster-${nodes}`,
  peers: nodes,
  run: async (bed) => {
    const stopUp = measure(bed);
    const peers = await connectAll(bed.ground, 0, nodes);
    const up = stopUp(Math.max(...peers.map(({ establishedAt }) => establishedAt)));
    await quiet(bed, peers);
    await setTimeout(1000);
    const stop = measure(bed);
    for (const [at, peer] of peers.entries()) peer.send(announcement(block(at), gatewayOf(at)));
    // FRR tells a client its own route too.
    const { ms, cpuMs } = stop(await untilAll(peers, ({ announced }) => announced >= nodes - 1));
    return {
      "up ms": up.ms,
      "up CPU ms": up.cpuMs,
      "exchanged ms": ms,
      "CPU ms": cpuMs,
      "RSS MB": bed.daemon.residentMb(),
    };
  },
});

const gatewayOf = (at: number): number => 0x0a02_0001 + at;

const CHURN = 1000;
const CHURN_ROUNDS = 5;
const SINGLES = 30;
const PAUSE_MS = 100;

/** A thousand routes of a hundred thousand, and single ones, until the last of ten clients has been told. */
export const churn: Case = {
  name: "churn",
  peers: 11,
  run: async (bed) => {
    const [feeder] = await connectAll(bed.ground, 0, 1);
    const sinks = await connectAll(bed.ground, 1, 10);
    feeder?.send(announcements(HUNDRED_THOUSAND));
    await untilAll(sinks, ({ announced }) => announced >= HUNDRED_THOUSAND.routes);
    await quiet(bed, sinks);
    const step = async (octets: Uint8Array, isDone: (peer: Peer) => boolean): Promise<number> => {
      for (const sink of sinks) sink.reset();
      const stop = measure(bed);
      feeder?.send(octets);
      const { ms } = stop(await untilAll(sinks, isDone));
      await setTimeout(PAUSE_MS);
      return ms;
    };
    const rounds = async (count: number, times: number, gone: Uint8Array, back: Uint8Array) => {
      const took = { gone: [] as number[], back: [] as number[] };
      for (let round = 0; round < times; round++) {
        took.gone.push(await step(gone, ({ withdrawn }) => withdrawn >= count));
        took.back.push(await step(back, ({ announced }) => announced >= count));
      }
      return { gone: median(took.gone), back: median(took.back) };
    };
    const many = await rounds(
      CHURN,
      CHURN_ROUNDS,
      withdrawals(HUNDRED_THOUSAND, CHURN),
      announcements(HUNDRED_THOUSAND, CHURN),
    );
    const one = await rounds(1, SINGLES, withdrawal([block(0)]), announcement(block(0), gatewayOf(0)));
    return {
      "withdrawn ms": many.gone,
      "announced ms": many.back,
      "one withdrawn ms": one.gone,
      "one announced ms": one.back,
    };
  },
};

/** Until all routes are in the kernel's table. */
export const kernel = (gateways: number): Case => ({
  name: `kernel-${gateways}`,
  peers: 1,
  kernel: true,
  run: async (bed) => {
    const { routes } = HUNDRED_THOUSAND;
    const octets = announcements({ routes, gateways });
    const peers = await connectAll(bed.ground, 0, 1);
    await quiet(bed, peers);
    const before = bed.ground.kernelPrefixes();
    const stop = measure(bed);
    peers[0]?.send(octets);
    const deadline = performance.now() + 120_000;
    while (bed.ground.kernelPrefixes() - before < routes) {
      if (performance.now() > deadline) throw new Error(`${bed.ground.kernelPrefixes() - before} of ${routes} routes`);
      await setTimeout(20);
    }
    const { ms, cpuMs } = stop(performance.now());
    return { "in the kernel ms": ms, "CPU ms": cpuMs };
  },
});

/** One case with one daemon, on ground of its own. */
export async function runCase(one: Case, kind: DaemonKind): Promise<Figures> {
  const ground = new Ground();
  const peers = Array.from({ length: one.peers }, (_, at) => peerAddress(at));
  const daemon = new RunningDaemon(kind, ground, {
    peers,
    kernel: one.kernel ?? false,
    joinLate: one.joinLate ?? false,
    family: one.family ?? 4,
  });
  try {
    await untilListening(ground);
    await untilQuiet(daemon.pids, () => true);
    // Its start is not looked at.
    await daemon.longestTurnMs();
    const figures = await one.run({ ground, daemon });
    const longestTurnMs = await daemon.longestTurnMs();
    return longestTurnMs === undefined ? figures : { ...figures, "longest turn ms": longestTurnMs };
  } catch (failure) {
    if (failure instanceof Error) failure.message += `\n${daemon.error}`;
    throw failure;
  } finally {
    await daemon.stop();
    ground.close();
  }
}
