/** `node status` in calicoctl's words: one box of peers for each family. */

/** One session, in the words that calicoctl's users know from BIRD. */
export interface PeerRow {
  readonly family: 4 | 6;
  readonly address: string;
  readonly type: string;
  readonly state: "up" | "start" | "down";
  /** `HH:MM:SS`, or a date where that was long ago. */
  readonly since: string;
  /** The session's state, and what keeps it from being Established. */
  readonly info: string;
}

const HEADINGS = ["PEER ADDRESS", "PEER TYPE", "STATE", "SINCE", "INFO"] as const;

/** `peers`: undefined where the agent runs no BGP. */
export function nodeStatusText(peers: readonly PeerRow[] | undefined): string {
  if (!peers) return "Calico process is running.\n\nThe BGP backend process (BIRD) is not running.\n";
  const parts = ([4, 6] as const).map((family) => {
    const rows = peers.filter((peer) => peer.family === family);
    const body = rows.length === 0 ? `No IPv${family} peers found.\n` : box(rows);
    return `IPv${family} BGP status\n${body}\n`;
  });
  return `Calico process is running.\n\n${parts.join("")}`;
}

/** Peers in the order of their text, as calicoctl has them. */
function box(rows: readonly PeerRow[]): string {
  const cells = rows
    .map(({ address, type, state, since, info }) => [address, type, state, since, info])
    .sort(([a = ""], [b = ""]) => (a < b ? -1 : Number(a > b)));
  const widths = HEADINGS.map((heading, column) =>
    Math.max(heading.length, ...cells.map((row) => row[column]?.length ?? 0)),
  );
  const rule = `+${widths.map((width) => "-".repeat(width + 2)).join("+")}+`;
  const line = (texts: readonly string[]) => `| ${texts.join(" | ")} |`;
  const heading = line(HEADINGS.map((text, column) => centred(text, widths[column] ?? 0)));
  const body = cells.map((row) => line(row.map((text, column) => text.padEnd(widths[column] ?? 0))));
  return `${[rule, heading, rule, ...body, rule].join("\n")}\n`;
}

function centred(text: string, width: number): string {
  const left = Math.floor((width - text.length) / 2);
  return text.padStart(text.length + left).padEnd(width);
}

const DAY_MS = 86_400_000;

/** When a state began, as BIRD shows it: the time of day, the date where it is not today's. `now` and `at` in the same zone. */
export function sinceText(at: Date, now: Date): string {
  const text = at.toISOString();
  return now.getTime() - at.getTime() < DAY_MS ? text.slice(11, 19) : text.slice(0, 10);
}
