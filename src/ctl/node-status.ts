/** `node status` in calicoctl's words: one box of peers for each family. */
import { boxed, type Column, fittedTable, type Shown } from "./output/fitted-table.ts";

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

const columns: readonly Column<PeerRow>[] = [
  { heading: "PEER ADDRESS", cell: ({ address }) => address },
  { heading: "PEER TYPE", cell: ({ type }) => type },
  { heading: "STATE", cell: ({ state }) => state },
  { heading: "SINCE", cell: ({ since }) => since },
  { heading: "INFO", cell: ({ info }) => info },
  // What calicoctl has no column for.
  { heading: "AS", cell: ({ asn }) => String(asn), isWide: true },
  { heading: "NODE", cell: ({ node }) => node, isWide: true },
  { heading: "ROUTES", cell: ({ receivedPrefixes }) => String(receivedPrefixes), isWide: true },
  { heading: "FLAPS", cell: ({ flaps }) => String(flaps), isWide: true },
];

export const NOT_RUNNING = "Calico process is not running.\n";

/** `peers`: undefined where the agent runs no BGP. */
export function nodeStatusText(peers: readonly PeerRow[] | undefined, how: Shown = {}): string {
  if (!peers) return "Calico process is running.\n\nThe BGP backend process (BIRD) is not running.\n";
  const parts = ([4, 6] as const).map((family) => {
    const rows = peers.filter((peer) => peer.family === family);
    const body =
      rows.length === 0 ? `No IPv${family} peers found.\n` : fittedTable(boxed, columns, rows.toSorted(byText), how);
    return `IPv${family} BGP status\n${body}\n`;
  });
  return `Calico process is running.\n\n${parts.join("")}`;
}

/** As calicoctl has them. */
const byText = (a: PeerRow, b: PeerRow): number => (a.address < b.address ? -1 : Number(a.address > b.address));

const DAY_MS = 86_400_000;

/** When a state began, as BIRD shows it: the time of day, the date where it is not today's. `now` and `at` in the same zone. */
export function sinceText(at: Date, now: Date): string {
  const text = at.toISOString();
  return now.getTime() - at.getTime() < DAY_MS ? text.slice(11, 19) : text.slice(0, 10);
}
