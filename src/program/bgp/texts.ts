/** Sessions, routes and their stories as text for a terminal. */
import { sinceText } from "../../ctl/node-status.ts";
import { type Column, fittedTable, padded, type Shown } from "../../ctl/output/fitted-table.ts";
import type { BgpRoute } from "../../insight/bgp-routes.ts";
import type { WhyCandidate, WhyReport } from "../../insight/bgp-why.ts";
import { comparePrefixes, parsePrefix } from "../../ip/prefix.ts";
import { type BgpReport, type BgpSessionReport, sessionType } from "../node/bgp-report.ts";
import type { OnHost } from "./ask.ts";

type Session = OnHost & BgpSessionReport;

/** The column of hosts is left out where there is one. */
function table<T extends OnHost>(rows: readonly T[], columns: readonly Column<T>[], how: Shown): string {
  const isOne = rows.every(({ host }) => host === rows[0]?.host);
  const host: Column<T> = { heading: "HOST", cell: (row) => row.host };
  return fittedTable(padded, isOne ? columns : [host, ...columns], rows, how);
}

const peerColumns: readonly Column<Session & Pick<BgpReport, "now">>[] = [
  { heading: "SESSION", cell: ({ name }) => name },
  {
    heading: "ADDRESS",
    cell: ({ address, port }) => (port === 179 ? address : `${address} port ${port}`),
    isWide: true,
  },
  { heading: "NODE", cell: ({ node = "" }) => node },
  { heading: "TYPE", cell: sessionType, isWide: true },
  { heading: "AS", cell: ({ asn }) => String(asn) },
  { heading: "STATE", cell: ({ state }) => state },
  { heading: "SINCE", cell: ({ since, now }) => sinceText(new Date(since), new Date(now)) },
  { heading: "RECEIVED", cell: ({ receivedPrefixes }) => String(receivedPrefixes) },
  { heading: "STALE", cell: ({ stalePrefixes }) => String(stalePrefixes), isWide: true },
  { heading: "FLAPS", cell: ({ flaps }) => String(flaps) },
  { heading: "ROUTER ID", cell: ({ negotiated }) => negotiated?.routerId ?? "", isWide: true },
  { heading: "HOLD", cell: ({ negotiated }) => (negotiated ? `${negotiated.holdTimeSeconds}s` : ""), isWide: true },
  { heading: "MESSAGES IN", cell: ({ counters }) => String(counters.messagesReceived), isWide: true },
  { heading: "MESSAGES OUT", cell: ({ counters }) => String(counters.messagesSent), isWide: true },
];

/** What keeps a session down is a line of its own, since it may be long. */
export function peersText(reports: readonly (OnHost & BgpReport)[], how: Shown): string {
  const sessions = reports.flatMap(({ host, now, sessions: all }) => all.map((session) => ({ host, now, ...session })));
  const reasons = sessions.flatMap(({ host, name, findings }) =>
    findings.map(({ what }) => `why: ${host}: ${name}: ${what}\n`),
  );
  const notes = reports.flatMap(({ host, reports: lines, listeners, waitsFor }) => [
    ...lines.map((line) => `${host}: ${line}`),
    ...listeners.flatMap(({ address, port, failure }) =>
      failure === undefined ? [] : [`${host}: does not listen on ${address} port ${port}: ${failure}`],
    ),
    ...(waitsFor.length === 0 ? [] : [`${host}: chooses no routes before ${waitsFor.join(", ")} have told theirs`]),
  ]);
  const shown = sessions.length === 0 ? "No sessions.\n" : table(sessions, peerColumns, how);
  return `${shown}${reasons.join("")}${notes.map((note) => `note: ${note}\n`).join("")}`;
}

const routeColumns: readonly Column<OnHost & BgpRoute>[] = [
  { heading: "PREFIX", cell: ({ prefix }) => prefix },
  { heading: "NEXT HOP", cell: ({ nextHop, from, fate }) => (from === undefined && fate !== "told" ? "" : nextHop) },
  { heading: "FROM", cell: ({ from, about }) => from ?? about ?? "" },
  { heading: "AS PATH", cell: ({ asPath }) => asPath },
  { heading: "PREF", cell: ({ localPref }) => (localPref === undefined ? "" : String(localPref)) },
  { heading: "ATTRIBUTES", cell: ({ attributes }) => attributes, isWide: true },
  { heading: "USE", cell: ({ why, isStale }) => (isStale ? `${why} (stale)` : why) },
];

export function routesText(routes: readonly (OnHost & BgpRoute)[], how: Shown): string {
  if (routes.length === 0) return "No routes.\n";
  const parsed = routes.map((route) => ({ route, prefix: parsePrefix(route.prefix) }));
  const sorted = parsed.sort((a, b) => compareText(a.route.host, b.route.host) || comparePrefixes(a.prefix, b.prefix));
  return table(
    sorted.map(({ route }) => route),
    routeColumns,
    how,
  );
}

/** Which prefixes cover the one that was asked for, and where. */
export function coveringText(stories: readonly (OnHost & WhyReport)[]): string {
  const covering = Map.groupBy(
    stories.filter(({ prefix, asked }) => prefix !== undefined && prefix !== asked),
    ({ prefix, asked }) => `${prefix} covers ${asked}`,
  );
  return [...covering]
    .map(([covers, on]) => `note: ${covers} on ${on.map(({ host }) => host).join(", ")}: see 'ocicat bgp why'\n`)
    .join("");
}

const compareText = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

export function whyText({ host, asked, prefix, candidates, learned, kernel, told }: OnHost & WhyReport): string {
  if (prefix === undefined) return `${asked} on ${host}\n  no peer has told of it, and it is not this node's own\n`;
  const covered = prefix === asked ? "" : `, the longest prefix that covers ${asked}`;
  const lines = [
    `${prefix} on ${host}${covered}`,
    ...candidates.flatMap(candidateLines),
    ...(learned === undefined
      ? []
      : ["route" in learned ? `  becomes ${learned.route}` : `  becomes no route: ${learned.rejected}`]),
    ...kernelLines(kernel),
    ...told.flatMap(({ session, outcome, attributes }) => [
      `  to ${session}: ${outcome}`,
      ...(attributes === undefined ? [] : [`    with ${attributes}`]),
    ]),
  ];
  return `${lines.join("\n")}\n`;
}

function candidateLines({ from, about, received, imported, kept, why }: WhyCandidate): readonly string[] {
  if (from === undefined) return [`  our own${about === undefined ? "" : `, ${about}`}: ${why}`];
  return [
    `  from ${from}: ${why}${keptText(kept)}`,
    `    received with ${received}`,
    ...(imported === undefined ? [] : [`    import made of it ${imported}`]),
  ];
}

function keptText(kept: WhyCandidate["kept"]): string {
  if (!kept) return "";
  const time = kept.seconds === undefined ? "" : `, for ${kept.seconds} s at most`;
  if (kept.since === "lost") return ` (stale: not told again since the session was lost; kept${time})`;
  return ` (stale: its session was ended by a change of configuration; kept until another tells the prefix${time})`;
}

function kernelLines(kernel: WhyReport["kernel"]): readonly string[] {
  if (!kernel) return ["  kernel: nothing is wanted there"];
  const { route, source, failures } = kernel;
  return [`  kernel: ${route} (by ${source})`, ...failures.map((failure) => `    could not be set: ${failure}`)];
}

export function explanationText(session: Session): string {
  const { host, name, address, port, asn, localAs, node, state, since, restsUntil, findings, negotiated } = session;
  const { sent, received, tcp, flaps, counters, receivedPrefixes, stalePrefixes, waitingOctets, localAddress } =
    session;
  const line = (label: string, text: string): string => `  ${`${label}:`.padEnd(15)} ${text}`;
  const said = (label: string, what: typeof sent): readonly string[] =>
    what === undefined ? [] : [line(label, `${what.message} (${what.at})`)];
  const lines = [
    `${name} on ${host}: ${address} port ${port}${node === undefined ? "" : ` (node ${node})`}, ${sessionType(session)}`,
    line("AS", `${asn}, ours ${localAs} (${asn === localAs ? "internal" : "external"})`),
    line("State", `${state} since ${since}${session.passive ? ", passive: the peer dials" : ""}`),
    ...(restsUntil === undefined ? [] : [line("Rests until", restsUntil)]),
    ...findings.flatMap(({ what, remedy }) => [line("Why", what), line("Remedy", remedy)]),
    ...said("We said last", sent),
    ...said("It said last", received),
    ...said("TCP said last", tcp),
    ...(negotiated === undefined
      ? []
      : [
          line(
            "Agreed on",
            `${[...negotiated.families, ...negotiated.capabilities].join(", ")}; hold time ${negotiated.holdTimeSeconds} s; router id ${negotiated.routerId}`,
          ),
        ]),
    ...(localAddress === undefined ? [] : [line("Our address", localAddress)]),
    line("Flaps", String(flaps)),
    line("Prefixes", `${receivedPrefixes} received${stalePrefixes > 0 ? `, ${stalePrefixes} of them stale` : ""}`),
    line(
      "Messages",
      `${counters.messagesReceived} received (${counters.updatesReceived} updates), ${counters.messagesSent} sent (${counters.updatesSent} updates)`,
    ),
    ...(counters.malformedAttributes > 0 ? [line("Malformed", `${counters.malformedAttributes} attributes`)] : []),
    ...(counters.unsendable > 0 ? [line("Unsendable", `${counters.unsendable} routes had no room in a message`)] : []),
    ...(waitingOctets > 0 ? [line("Waiting", `${waitingOctets} octets that the peer has not read`)] : []),
  ];
  return `${lines.join("\n")}\n`;
}
