/**
 * Liveness and readiness from named reporters, as Felix aggregates them: all that report a quality must report it good,
 * and in time. A reporter that was just registered is live and not ready.
 */
import { formatDuration } from "../compile/config/parsers.ts";
import type { Clock } from "../port/clock.ts";
import type { HealthSummary } from "../port/health.ts";
import type { Log } from "../port/log.ts";

export interface HealthReport {
  readonly isLive?: boolean;
  readonly isReady?: boolean;
  /** One line for people. */
  readonly detail?: string;
}

export interface ReporterOptions {
  readonly reportsLive?: boolean;
  readonly reportsReady?: boolean;
  /** A report counts so long; left out: for good. */
  readonly timeoutMs?: number;
}

interface Reporter extends ReporterOptions {
  latest: HealthReport;
  at: number;
}

/** Felix's names where Felix has the reporter: timeouts are overridden by name. */
export const reporterNames = {
  startup: "FelixStartup",
  calculation: "CalculationGraph",
  dataplane: "InternalDataplaneMainLoop",
} as const;

export class Health {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #reporters = new Map<string, Reporter>();
  #overrides: Readonly<Record<string, number>> = {};
  #last = "";

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  /** Gives the function to report with. Registering a name again starts it anew. */
  register(name: string, options: ReporterOptions): (report: HealthReport) => void {
    const reporter: Reporter = { ...options, latest: { isLive: true, isReady: false }, at: this.#clock.now() };
    this.#reporters.set(name, reporter);
    return (report) => {
      reporter.latest = report;
      reporter.at = this.#clock.now();
    };
  }

  /** Timeouts in milliseconds in place of the reporters' own, by name; 0 means for good. */
  overrideTimeouts(overrides: Readonly<Record<string, number>>): void {
    this.#overrides = overrides;
  }

  summary(): HealthSummary {
    const rows = [...this.#reporters]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, reporter]) => this.#row(name, reporter));
    const summary: HealthSummary = {
      isLive: rows.every(({ live }) => live.isGood),
      isReady: rows.every(({ ready }) => ready.isGood),
      detail: rows.length === 0 ? "" : table([HEADINGS, ...rows.map(({ cells }) => cells)]),
    };
    const text = `${summary.isLive} ${summary.isReady}`;
    if (text !== this.#last && this.#reporters.size > 0) {
      this.#last = text;
      const bad = rows
        .filter(({ live, ready }) => !live.isGood || !ready.isGood)
        .map(({ cells }) => cells.join(" ").trim());
      this.#log.info("health changed", { live: summary.isLive, ready: summary.isReady, bad });
    }
    return summary;
  }

  #row(name: string, reporter: Reporter) {
    const override = this.#overrides[name];
    const timeoutMs = override ?? reporter.timeoutMs ?? 0;
    const isLate = timeoutMs > 0 && this.#clock.now() - reporter.at > timeoutMs;
    const { isLive = false, isReady = false, detail = "" } = reporter.latest;
    const live = quality(reporter.reportsLive, isLate, isLive, "live");
    const ready = quality(reporter.reportsReady, isLate, isReady, "ready");
    const timeout = `${timeoutMs === 0 ? "-" : formatDuration(timeoutMs)}${override === undefined ? "" : " (override)"}`;
    return { live, ready, cells: [name, timeout, live.text, ready.text, detail] };
  }
}

const HEADINGS = ["COMPONENT", "TIMEOUT", "LIVENESS", "READINESS", "DETAIL"];

function quality(isReported: boolean | undefined, isLate: boolean, isGood: boolean, word: string) {
  if (isReported !== true) return { isGood: true, text: "-" };
  if (isLate) return { isGood: false, text: "timed out" };
  return { isGood, text: isGood ? `reporting ${word}` : `reporting non-${word}` };
}

/** Headings centred, cells at the left: the layout of Felix's table. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const rule = `+${widths.map((width) => "-".repeat(width + 2)).join("+")}+`;
  const [headings = [], ...body] = rows.map((row, index) => {
    const cells = widths.map((width, column) => {
      const text = row[column] ?? "";
      return index > 0
        ? text.padEnd(width)
        : " "
            .repeat(Math.floor((width - text.length) / 2))
            .concat(text)
            .padEnd(width);
    });
    return `| ${cells.join(" | ")} |`;
  });
  return [rule, headings, rule, ...body, rule].join("\n");
}
