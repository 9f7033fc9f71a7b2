import assert from "node:assert/strict";
import { test } from "node:test";
import type { Metrics } from "../../port/metrics.ts";
import { KernelError } from "../../port/netlink.ts";
import { noPackets, type TunnelState } from "../../port/tunnel-server.ts";
import { FakeClock } from "../../testing/fake-clock.ts";
import { ASK_EVERY_MS, TunCounters } from "./ipip-tun-counters.ts";

test("what the process counts adds up, over a process that is replaced and one that does not answer", async () => {
  const clock = new FakeClock();
  let state: TunnelState | "silent" | undefined;
  const totals: Record<string, number> = {};
  const count = ((_key: string, by: number, { outcome }: { outcome: string }) => {
    totals[outcome] = (totals[outcome] ?? 0) + by;
  }) as Metrics["count"];
  const answer = async (): Promise<TunnelState | undefined> => {
    if (state === "silent") throw new KernelError({ call: "connect", errno: "ETIMEDOUT", number: 110 });
    return state;
  };
  const counters = new TunCounters({ clock, server: { state: answer }, metrics: { count } });
  const process = (pid: number, packets: Partial<TunnelState["counters"]>): TunnelState => ({
    ...{ version: "1", pid, device: "tunl0", parent: "eth0", sources: new Set() },
    counters: { ...noPackets(), ...packets },
  });
  for (const next of [
    undefined,
    process(7, { received: 5 }),
    process(7, { received: 8, unknownSource: 2 }),
    "silent",
  ]) {
    state = next as typeof state;
    await clock.advance(ASK_EVERY_MS);
  }
  assert.deepEqual(totals, { received: 8, "unknown source": 2 });
  state = process(9, { received: 3, notSent: 1 });
  await clock.advance(ASK_EVERY_MS);
  assert.deepEqual(totals, { received: 11, "unknown source": 2, "not sent": 1 });
  counters.close();
  state = process(9, { received: 100 });
  await clock.advance(2 * ASK_EVERY_MS);
  assert.equal(totals["received"], 11);
});
