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
  readonly asn: number;
  /** The node that the peer is, where it is one. */
  readonly node: string;
  readonly receivedPrefixes: number;
  readonly flaps: number;
}

interface Column {
  readonly heading: string;
  readonly cell: (peer: PeerRow) => string;
}

const columns: readonly Column[] = [
  { heading: "PEER ADDRESS", cell: ({ address }) => address },
  { heading: "PEER TYPE", cell: ({ type }) => type },
  { heading: "STATE", cell: ({ state }) => state },
  { heading: "SINCE", cell: ({ since }) => since },
  { heading: "INFO", cell: ({ info }) => info },
];
/** What calicoctl has no column for. */
const moreColumns: readonly Column[] = [
  { heading: "AS", cell: ({ asn }) => String(asn) },
  { heading: "NODE", cell: ({ node }) => node },
  { heading: "ROUTES", cell: ({ receivedPrefixes }) => String(receivedPrefixes) },
  { heading: "FLAPS", cell: ({ flaps }) => String(flaps) },
];

export const NOT_RUNNING = "Calico process is not running.\n";

/** `peers`: undefined where the agent runs no BGP. */
export function nodeStatusText(peers: readonly PeerRow[] | undefined, isWide = false): string {
  if (!peers) return "Calico process is running.\n\nThe BGP backend process (BIRD) is not running.\n";
  const parts = ([4, 6] as const).map((family) => {
    const rows = peers.filter((peer) => peer.family === family);
    const body =
      rows.length === 0 ? `No IPv${family} peers found.\n` : box(rows, isWide ? [...columns, ...moreColumns] : columns);
    return `IPv${family} BGP status\n${body}\n`;
  });
  return `Calico process is running.\n\n${parts.join("")}`;
}

/** Peers in the order of their text, as calicoctl has them. */
function box(rows: readonly PeerRow[], shown: readonly Column[]): string {
  const sorted = rows.toSorted((a, b) => (a.address < b.address ? -1 : Number(a.address > b.address)));
  const cells = sorted.map((row) => shown.map(({ cell }) => cell(row)));
  const widths = shown.map(({ heading }, column) =>
    cells.reduce((most, row) => Math.max(most, row[column]?.length ?? 0), heading.length),
  );
  const rule = `+${widths.map((width) => "-".repeat(width + 2)).join("+")}+`;
  const line = (texts: readonly string[]) => `| ${texts.join(" | ")} |`;
  const heading = line(shown.map((column, at) => centred(column.heading, widths[at] ?? 0)));
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
