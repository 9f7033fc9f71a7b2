import assert from "node:assert/strict";
import { test } from "node:test";
import { SystemClock } from "../../adapter/clock.ts";
import { PrometheusMetrics } from "../../adapter/metrics.ts";
import { AsyncWorkName } from "../../adapter/work-name.ts";
import type { RouteItem } from "../../compile/node-state.ts";
import { MeteredClock } from "../../node/metered-clock.ts";
import { TURN_BUDGET_MS, TurnMeter } from "../../node/turns.ts";
import type { Clock } from "../../port/clock.ts";
import type { Failure } from "../../reconcile/driver.ts";
import type { Op } from "../../reconcile/plan.ts";
import { agentHost, cluster } from "../../testing/agent-host.ts";
import { MemoryDriver } from "../../testing/memory-driver.ts";

/** Takes longer than a turn may, in the stretch behind its wait. */
class SlowDriver extends MemoryDriver<RouteItem> {
  readonly #clock: Clock;

  constructor(clock: Clock) {
    super("routes");
    this.#clock = clock;
  }

  override async apply(ops: readonly Op<RouteItem>[]): Promise<readonly Failure[]> {
    await this.#clock.yield();
    const end = this.#clock.cpuMicros() + (TURN_BUDGET_MS + 10) * 1_000;
    while (this.#clock.cpuMicros() < end);
    return super.apply(ops);
  }
}

test("a slow driver shows up in ocicat_turn_seconds by its name, and among the worst turns", async () => {
  const metrics = new PrometheusMetrics();
  const systemClock = new SystemClock();
  const turns = new TurnMeter(systemClock, { metrics, work: new AsyncWorkName() });
  const clock = new MeteredClock(systemClock, turns);
  const { start, drivers } = agentHost(await cluster());
  const routes = new SlowDriver(clock);
  const agent = start({ clock, metrics, turn: turns.measure, drivers: { ...drivers, routes } });
  while (!agent.isApplied) await clock.yield();
  await agent.close();
  await clock.yield();
  const text = await metrics.text();
  const count = (le: string) =>
    Number(new RegExp(`^ocicat_turn_seconds_bucket\\{le="${le}",turn="apply routes"\\} (\\d+)$`, "m").exec(text)?.[1]);
  assert.ok(count("\\+Inf") > count("0.02"), text);
  const names = turns.worst.filter(({ cpuMs }) => cpuMs > TURN_BUDGET_MS).map(({ name }) => name);
  assert.ok(names.includes("apply routes"), names.join());
});
