/** What our speaker has to reach, by case and figure: a share of another daemon's, or a value. */
import type { Figures } from "./cases.ts";

export interface Bar {
  readonly figure: string;
  /** Left out: `most` is the value itself. */
  readonly of?: string;
  readonly most: number;
}

const ahead = (figure: string, ...others: readonly string[]): Bar[] => others.map((of) => ({ figure, of, most: 1 }));

const turn: Bar = { figure: "longest turn ms", most: 20 };

const bars: readonly (readonly [RegExp, readonly Bar[]])[] = [
  [/^ingest6?-/, [{ figure: "read ms", of: "bird", most: 6 }, ...ahead("read ms", "frr", "openbgpd", "gobgp")]],
  [/^ingest-1000000$/, [{ figure: "added MB", of: "bird", most: 4 }]],
  [
    /^reflect-/,
    [
      { figure: "told ms", of: "bird", most: 1.2 },
      { figure: "CPU ms", of: "bird", most: 1.5 },
    ],
  ],
  [/^late-/, [...ahead("told ms", "bird"), { figure: "told ms", of: "frr", most: 1.5 }]],
  [
    /^cluster-/,
    [
      { figure: "up ms", of: "bird", most: 3 },
      { figure: "exchanged ms", of: "bird", most: 1.5 },
    ],
  ],
  [
    /^churn/,
    [
      { figure: "withdrawn ms", of: "bird", most: 5 },
      { figure: "announced ms", of: "bird", most: 5 },
      { figure: "one withdrawn ms", of: "bird", most: 4 },
      { figure: "one announced ms", of: "bird", most: 4 },
    ],
  ],
  [/^kernel-/, [{ figure: "in the kernel ms", of: "bird", most: 0.6 }]],
];

export const barsOf = (name: string): readonly Bar[] => [
  ...bars.filter(([pattern]) => pattern.test(name)).flatMap(([, list]) => list),
  turn,
];

/** Undefined: somebody has no such figure. */
export function judge(
  { figure, of, most }: Bar,
  all: ReadonlyMap<string, Figures>,
): { readonly isMet: boolean; readonly text: string } | undefined {
  const ours = all.get("ocicat")?.[figure];
  const theirs = of === undefined ? 1 : all.get(of)?.[figure];
  if (ours === undefined || theirs === undefined) return undefined;
  const ratio = ours / theirs;
  const text =
    of === undefined
      ? `${figure}: ${ratio.toFixed(1)}, bar ${most}`
      : `${figure}: ${ratio.toFixed(2)}× ${of}, bar ${most}×`;
  return { isMet: ratio <= most, text };
}
