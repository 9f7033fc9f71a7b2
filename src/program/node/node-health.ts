/** Liveness and readiness of an agent, judged when somebody asks. */
import type { Agent } from "../../dataplane/agent.ts";
import { Health, reporterNames } from "../../node/health.ts";
import type { Clock } from "../../port/clock.ts";
import type { HealthSummary } from "../../port/health.ts";
import type { Log } from "../../port/log.ts";

export class NodeHealth {
  readonly #health: Health;
  readonly #judge: () => void;

  constructor(agent: Agent, deps: { readonly clock: Clock; readonly log: Log }) {
    this.#health = new Health(deps.clock, deps.log);
    const startup = this.#health.register(reporterNames.startup, { reportsReady: true });
    const calculation = this.#health.register(reporterNames.calculation, { reportsLive: true, reportsReady: true });
    const dataplane = this.#health.register(reporterNames.dataplane, { reportsLive: true, reportsReady: true });
    this.#judge = () => {
      const { isInSync } = agent;
      const { state } = agent.store;
      calculation({ isLive: true, isReady: isInSync, detail: `store: ${state}` });
      dataplane({ isLive: true, isReady: isInSync });
      // A store that is away or refused counts as started: forwarding goes on (calico-dataplane 4.1).
      startup({ isReady: isInSync || state === "away" || state === "refused" });
    };
  }

  readonly summary = (): HealthSummary => {
    this.#judge();
    return this.#health.summary();
  };

  /** Timeouts in milliseconds by reporter, in place of their own. */
  overrideTimeouts(overrides: Readonly<Record<string, number>>): void {
    this.#health.overrideTimeouts(overrides);
  }
}
