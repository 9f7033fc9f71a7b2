/** A check as people read it: a matrix of pods, what failed and why, and the proof of each path. */
import { stripVTControlCharacters } from "node:util";
import type { CheckReport, PairReport, PathKind, ProbeReport } from "./report.ts";

/** How text is set off; plain where nobody looks at colours. */
export type Paint = (style: "good" | "bad" | "dim" | "bold", text: string) => string;

const SIGNS: Readonly<Record<PathKind, string>> = {
  vxlan: "vxlan",
  ipip: "ipip",
  bare: "bare",
  local: "local",
  none: "-",
  mixed: "mixed",
};

/** Lines of the matrix. Round trips are left out where it would be wider than `columns` with them. */
export function printMatrix(report: CheckReport, paint: Paint, columns = Number.POSITIVE_INFINITY): string[] {
  const lines = matrixLines(report, paint, true);
  const isTooWide = Math.max(...lines.map((line) => stripVTControlCharacters(line).length)) > columns;
  return isTooWide ? matrixLines(report, paint, false) : lines;
}

function matrixLines(report: CheckReport, paint: Paint, withRoundTrips: boolean): string[] {
  const keys = report.pods.map(({ key }) => key);
  const short = shortNames(keys);
  const cells = report.pods.map((from) =>
    report.pods.map((to) =>
      cellOf(
        report.pairs.find((pair) => pair.from === from.key && pair.to === to.key),
        withRoundTrips,
      ),
    ),
  );
  const widths = keys.map((key, column) =>
    Math.max(short.get(key)?.length ?? 0, ...cells.map((row) => row[column]?.text.length ?? 0)),
  );
  const label = Math.max(...report.pods.map((pod) => rowLabel(pod, short).length), "from \\ to".length);
  const heading = keys.map((key, column) => (short.get(key) ?? "").padEnd(widths[column] ?? 0)).join("  ");
  const rows = report.pods.map((pod, row) => {
    const painted = (cells[row] ?? []).map(({ text, style }, column) => {
      const padded = text.padEnd(widths[column] ?? 0);
      return style === undefined ? padded : paint(style, padded);
    });
    return `  ${rowLabel(pod, short).padEnd(label)}  ${painted.join("  ").trimEnd()}`;
  });
  return [paint("bold", `  ${"from \\ to".padEnd(label)}  ${heading}`.trimEnd()), ...rows];
}

const rowLabel = (pod: CheckReport["pods"][number], short: ReadonlyMap<string, string>): string =>
  `${short.get(pod.key)} ${pod.address} (${pod.host})`;

interface Cell {
  readonly text: string;
  readonly style?: "good" | "bad" | "dim";
}

function cellOf(pair: PairReport | undefined, withRoundTrip: boolean): Cell {
  if (!pair) return { text: "·", style: "dim" };
  const passed = pair.probes.filter(({ ok }) => ok).length;
  if (!pair.ok) return { text: passed === 0 ? "no" : `${passed}/${pair.probes.length}`, style: "bad" };
  const latency = pair.roundTripMs === undefined || !withRoundTrip ? "" : ` ${formatMs(pair.roundTripMs)}`;
  return { text: `${SIGNS[pair.path]}${latency}`, style: "good" };
}

const formatMs = (value: number): string => `${value < 10 ? value.toFixed(2) : value.toFixed(0)}ms`;

/** One line per pair that fails, with its reasons. */
export function printFailures(report: CheckReport, paint: Paint): string[] {
  return report.pairs
    .filter(({ ok }) => !ok)
    .flatMap((pair) => {
      const failed = pair.probes.filter(({ ok }) => !ok).map(probeName);
      const all = failed.length === pair.probes.length ? "nothing passes" : `fails: ${failed.join(", ")}`;
      return [paint("bad", `${pair.from} → ${pair.to}: ${all}`), ...pair.reasons.map((reason) => `    ${reason}`)];
    });
}

const probeName = ({ protocol, size, octets }: ProbeReport): string =>
  `${protocol} ${size === "small" ? "small" : `at ${octets}`}`;

/** One captured frame for each kind of path, as proof. */
export function printProofs(report: CheckReport, paint: Paint): string[] {
  const shown = new Set<PathKind>();
  return report.pairs.flatMap(({ path, proof, from, to }) => {
    if (proof === undefined || shown.has(path)) return [];
    shown.add(path);
    return [paint("dim", `${path}, as captured on the wire (${from} → ${to}):`), `    ${proof}`];
  });
}

/** One line that says it all. */
export function printVerdict({ pairs, pods, tookMs }: CheckReport, paint: Paint): string {
  if (pairs.length === 0)
    return paint("dim", `nothing to check: a pair takes two pods, and there is ${pods.length || "none"}`);
  const passed = pairs.filter(({ ok }) => ok).length;
  const text = `${passed} of ${pairs.length} pairs of ${pods.length} pods reach each other by ICMP, TCP and UDP, small and at the MTU with DF (${(tookMs / 1000).toFixed(1)} s)`;
  return paint(passed === pairs.length ? "good" : "bad", text);
}

/** Names without namespace and, where they would fill the line, with only their end, which tells replicas apart. */
function shortNames(keys: readonly string[]): ReadonlyMap<string, string> {
  const longest = 14;
  const shortened = keys.map((key) => {
    const name = key.slice(key.lastIndexOf("/") + 1);
    return name.length <= longest ? name : `…${name.slice(-(longest - 1))}`;
  });
  const isUnique = new Set(shortened).size === shortened.length;
  return new Map(keys.map((key, index) => [key, isUnique ? (shortened[index] ?? key) : key]));
}
