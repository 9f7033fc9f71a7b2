/** Traffic between pods while something else happens: what was sent, what was lost, which connections lived. */
import assert from "node:assert/strict";
import path from "node:path";
import { eventually } from "./eventually.ts";
import type { Testbed } from "./testbed.ts";

/** What became of the packets to one address. */
export interface Flow {
  readonly address: string;
  /** Datagrams, a thousand a second. */
  readonly sent: number;
  /** Their numbers, from 1. */
  readonly lost: readonly number[];
  /** Between two answers. */
  readonly longestGapMs: number;
  /** On the one TCP connection. */
  readonly linesSent: number;
  readonly linesEchoed: number;
  /** What ended the TCP connection. */
  readonly error?: string;
}

export interface Traffic {
  readonly flows: readonly Flow[];
  /** Datagrams that reached a pod whose program was too slow to read them: no loss of the network. */
  readonly unread: number;
}

/** The traffic while it flows. */
export interface Flowing {
  /** Waits until so many more datagrams have gone to each address. */
  more(datagrams: number): Promise<void>;
}

/** From a pod to others, given by name and address, while `during` runs. */
export async function underTraffic(
  bed: Testbed,
  pod: string,
  targets: Readonly<Record<string, string>>,
  during: (flowing: Flowing) => Promise<unknown>,
): Promise<Traffic> {
  const places = [pod, ...Object.keys(targets)];
  const unreadBefore = await unread(bed, places);
  const source = path.join(import.meta.dirname, "traffic-source.ts");
  const running = bed.start(pod, process.execPath, source, ...Object.values(targets));
  try {
    await running.says(/flowing/);
    const lastTold = () => running.stdout.split("\n").findLast((line) => /^sent \d+$/.test(line));
    const sent = () => Number(lastTold()?.split(" ")[1] ?? 0);
    const more = async (datagrams: number) => {
      const goal = sent() + datagrams;
      await eventually(() => assert.ok(sent() >= goal, `${sent()} of ${goal} datagrams were sent`));
    };
    await during({ more });
  } finally {
    await running.end();
  }
  const result = running.stdout.trimEnd().split("\n").at(-1) ?? "";
  return { flows: JSON.parse(result) as readonly Flow[], unread: (await unread(bed, places)) - unreadBefore };
}

/** RcvbufErrors of UDP (RFC 4113 and Linux), of all places together. */
async function unread(bed: Testbed, places: readonly string[]): Promise<number> {
  const counts = await Promise.all(
    places.map(async (place) => {
      const lines = (await bed.on(place, "cat", "/proc/net/snmp")).split("\n");
      const [names, values] = lines.filter((line) => line.startsWith("Udp:")).map((line) => line.split(" "));
      return Number(values?.[names?.indexOf("RcvbufErrors") ?? -1]);
    }),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

/** The network delivered every datagram, and every connection is open and has echoed every line. */
export function assertNothingLost({ flows, unread: dropped }: Traffic, when = "lost"): void {
  for (const { address, sent, linesSent, linesEchoed, error } of flows) {
    assert.ok(sent > 0, `nothing was sent to ${address}`);
    assert.deepEqual({ address, linesEchoed, error }, { address, linesEchoed: linesSent, error: undefined });
  }
  const lost = flows.flatMap(({ address, lost: numbers }) => numbers.map((number) => `${address} ${number}`));
  assert.equal(lost.length, dropped, `${when}: ${lost.join(", ")}; not read by the pods themselves: ${dropped}`);
}
