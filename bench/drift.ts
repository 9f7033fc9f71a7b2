/**
 * From a foreign deletion of a route until the agent has put it back: 100 deletions on a lab of its own. The hand is a
 * netlink socket of this process; the time runs from before its request until `/proc/net/route`, read over and over, lists
 * the route again, so the reading's own time (a tenth of a millisecond or two) is in it. Needs root.
 *
 *   node bench/drift.ts
 */
import fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { SystemClock } from "../src/adapter/clock.ts";
import { parsePrefix } from "../src/ip/prefix.ts";
import { Rtnetlink } from "../src/kernel/rtnetlink.ts";
import { BenchLab, quantile } from "./bench-lab.ts";

const DELETIONS = 100;
const LONGEST_MS = 10_000;
/** The agent is idle again by then. */
const PAUSE_MS = 20;
const HOST = "worker-1";
/** The block of worker-3, and how /proc/net/route writes its address (little-endian). */
const ROUTE = { destination: parsePrefix("192.168.97.192/26"), listed: "\tC061A8C0\t" } as const;

const lab = BenchLab.up("aws-two-subnets");
const repairs: number[] = [];
try {
  const net = await lab.net(HOST);
  const hand = new Rtnetlink(net, new SystemClock());
  const isThere = () => net.run(() => fs.readFileSync("/proc/net/route", "latin1")).includes(ROUTE.listed);
  const route = {
    table: 254,
    destination: ROUTE.destination,
    type: "unicast",
    protocol: 0,
    scope: 255,
    metric: 0,
    hops: [],
  } as const;
  for (let turn = 0; turn < DELETIONS; turn++) {
    await sleep(PAUSE_MS);
    if (!isThere()) throw new Error("the route is not there");
    const begun = performance.now();
    const [failure] = hand.execute([{ type: "deleteRoute", route }]);
    if (failure) throw failure;
    while (!isThere()) {
      if (performance.now() - begun > LONGEST_MS) throw new Error("the route was not put back");
    }
    repairs.push(performance.now() - begun);
  }
  hand.close();
} finally {
  lab.close();
}
const [p50, p99] = [quantile(repairs, 0.5), quantile(repairs, 0.99)];
console.log(`route put back: p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms of ${repairs.length} deletions`);
