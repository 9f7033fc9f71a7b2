/** Pages of the reference that are written from the tables: `node tools/reference.ts` writes them, a test compares. */
import { type Metric, metrics, processMetrics, runtimeMetrics } from "./metrics-table.ts";
import { type Parameter, parameterKeys, parameters } from "./parameters.ts";
import { unactedGroups } from "./unacted.ts";

const cell = (text: string): string => text.replaceAll("|", "\\|");
const table = (headings: readonly string[], rows: readonly (readonly string[])[]): readonly string[] => [
  `| ${headings.join(" | ")} |`,
  `| ${headings.map(() => "---").join(" | ")} |`,
  ...rows.map((row) => `| ${row.map(cell).join(" | ")} |`),
];

function configurationReference(): string {
  const acted = parameterKeys.map((key) => {
    const { name, field, parser, doc, default: standard }: Parameter<unknown> = parameters[key];
    const text = parser.format(standard);
    const value = standard === undefined ? `unset: ${text}` : text === "" ? "none" : `\`${text}\``;
    return [`\`${name}\``, `\`${field}\``, value, parser.expects, doc];
  });
  const groups = unactedGroups.flatMap(({ area, reason, parameters: rows }) => [
    "",
    `**${area}**: ${reason}.`,
    "",
    rows.map(([name]) => `\`${name}\``).join(", "),
  ]);
  return [
    "# Configuration",
    "",
    "Written by `node tools/reference.ts` from `src/compile/config/parameters.ts` and `unacted.ts`.",
    "",
    "A parameter is set, from the lowest to the highest, by its default, the FelixConfiguration `default`, the",
    "FelixConfigurations whose `nodeSelector` takes the node (the oldest wins), the FelixConfiguration `node.<name>`, a line",
    "`Name = value` in `/etc/calico/felix.cfg`, and `FELIX_<NAME>` in the environment. Case does not matter; an empty value",
    "does not count; `none` in the file or the environment is the zero value. A wrong value does not stop the node: the next",
    "lower source counts, and the agent reports it. `ocicat node show` prints each value with its source.",
    "",
    "## Acted on",
    "",
    ...table(["Name", "FelixConfiguration field", "Default", "Takes", "Meaning"], acted),
    "",
    "## Taken, and not acted on",
    "",
    "These are parameters of Felix 3.32 that have no effect here. Setting one is reported, not refused.",
    ...groups,
    "",
  ].join("\n");
}

function metricsReference(): string {
  const rowsOf = (all: Readonly<Record<string, Metric>>) =>
    Object.values(all)
      .map(({ name, kind, labels = [], help }) => [
        `\`${name}\``,
        kind,
        labels.map((label) => `\`${label}\``).join(" "),
        help,
      ])
      .sort(([a = ""], [b = ""]) => (a < b ? -1 : 1));
  const headings = ["Name", "Kind", "Labels", "Meaning"];
  return [
    "# Metrics",
    "",
    "Written by `node tools/reference.ts` from `src/compile/config/metrics-table.ts`.",
    "",
    "Served in Prometheus' text format as `/metrics` on the agent's Unix socket, and on TCP port 9091 with",
    "`PrometheusMetricsEnabled`. Names are Felix's where Felix has the metric; histograms add `_bucket`, `_sum`",
    "and `_count`; summaries have quantiles of the last ten minutes, `_sum` and `_count`.",
    "",
    ...table(headings, rowsOf(metrics)),
    "",
    "Of the process, unless `PrometheusProcessMetricsEnabled` is false:",
    "",
    ...table(headings, rowsOf(processMetrics)),
    "",
    "Of the runtime, unless `PrometheusGoMetricsEnabled` is false:",
    "",
    ...table(headings, rowsOf(runtimeMetrics)),
    "",
  ].join("\n");
}

/** Pages by their path in the repository. */
export const referencePages: Readonly<Record<string, () => string>> = {
  "docs/reference/configuration.md": configurationReference,
  "docs/reference/metrics.md": metricsReference,
};
