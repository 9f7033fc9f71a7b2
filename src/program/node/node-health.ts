/**
 * Liveness and readiness of an agent, with Felix's reporters and timeouts (calico-dataplane 4.1). A report is proof of work
 * and comes from where the work is done: from the passes of the dataplane while they run, from a tick while they do not. So
 * a driver that does not come back, or a compile that fails again and again, runs into its timeout.
 */
import type { Agent } from "../../dataplane/agent.ts";
import type { Phase } from "../../dataplane/dataplane.ts";
import { Health, type HealthReport, reporterNames } from "../../node/health.ts";
import type { Clock, Millis, Timer } from "../../port/clock.ts";
import type { HealthSummary } from "../../port/health.ts";
import type { Log } from "../../port/log.ts";

const TICK_MS: Millis = 10_000;
const CALCULATION_TIMEOUT_MS: Millis = 30_000;
const DATAPLANE_TIMEOUT_MS: Millis = 90_000;

type Judged = Pick<Agent, "isInSync" | "isApplied" | "store" | "dataplane">;

export class NodeHealth {
  readonly #agent: Judged;
  readonly #clock: Clock;
  readonly #health: Health;
  readonly #startup: (report: HealthReport) => void;
  readonly #calculation: (report: HealthReport) => void;
  readonly #dataplane: (report: HealthReport) => void;
  #tick: Timer | undefined;

  /** Reports from now on, until it is closed. */
  constructor(agent: Judged, { clock, log }: { readonly clock: Clock; readonly log: Log }) {
    this.#agent = agent;
    this.#clock = clock;
    this.#health = new Health(clock, log);
    const both = { reportsLive: true, reportsReady: true };
    this.#startup = this.#health.register(reporterNames.startup, { reportsReady: true });
    this.#calculation = this.#health.register(reporterNames.calculation, {
      ...both,
      timeoutMs: CALCULATION_TIMEOUT_MS,
    });
    this.#dataplane = this.#health.register(reporterNames.dataplane, { ...both, timeoutMs: DATAPLANE_TIMEOUT_MS });
    agent.dataplane.onProgress((phase) => this.#progress(phase));
    this.#ticking();
  }

  #ticking(): void {
    const { phase } = this.#agent.dataplane;
    if (phase !== "compile") this.#reportCalculation();
    if (phase !== "apply") this.#reportDataplane();
    this.#tick = this.#clock.after(TICK_MS, () => this.#ticking());
  }

  #progress(phase: Phase): void {
    if (phase !== "apply") this.#reportCalculation();
    this.#reportDataplane();
  }

  #reportCalculation(): void {
    const { isInSync, store } = this.#agent;
    this.#calculation({ isLive: true, isReady: isInSync, detail: `store: ${store.state}` });
  }

  #reportDataplane(): void {
    this.#dataplane({ isLive: true, isReady: this.#agent.isApplied });
  }

  readonly summary = (): HealthSummary => {
    const { isInSync, store } = this.#agent;
    // A store that is away or refused counts as started: forwarding goes on (calico-dataplane 4.1).
    this.#startup({ isReady: isInSync || store.state === "away" || store.state === "refused" });
    return this.#health.summary();
  };

  /** Timeouts in milliseconds by reporter, in place of their own. */
  overrideTimeouts(overrides: Readonly<Record<string, number>>): void {
    this.#health.overrideTimeouts(overrides);
  }

  /** Idempotent. */
  close(): void {
    this.#tick?.cancel();
  }
}
