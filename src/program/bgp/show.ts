/** `ocicat bgp peers | routes | why | explain`: what agents know of their sessions and tables. */
import type { BgpRoute } from "../../insight/bgp-routes.ts";
import type { WhyReport } from "../../insight/bgp-why.ts";
import type { BgpReport, BgpSessionReport } from "../node/bgp-report.ts";
import type { ProcessHost } from "../process-host.ts";
import { askAll, BgpCommandError, bgpReports, linesOfAll, type OnHost, type ShowOptions, write } from "./ask.ts";
import { explanationText, peersText, routesText, whyText } from "./texts.ts";

export interface RoutesOptions extends ShowOptions {
  readonly peer?: string;
}

export async function showPeers(host: ProcessHost, names: readonly string[], options: ShowOptions): Promise<number> {
  const reports = await bgpReports(host, names, options.lab);
  write(host, options, reports, (isWide) => peersText(reports, isWide));
  return 0;
}

export async function showRoutes(
  host: ProcessHost,
  { prefix, direction }: { readonly prefix: string | undefined; readonly direction: string | undefined },
  options: RoutesOptions,
): Promise<number> {
  const query = new URLSearchParams({
    ...(prefix === undefined ? {} : { within: prefix }),
    ...(options.peer === undefined ? {} : { peer: options.peer }),
    ...(direction === undefined ? {} : { direction }),
  });
  const names = options.host === undefined ? [] : [options.host];
  const routes = await linesOfAll<BgpRoute>(host, { names, lab: options.lab, path: `/v1/bgp/routes?${query}` });
  write(host, options, routes, (isWide) => routesText(routes, isWide));
  return 0;
}

export async function showWhy(host: ProcessHost, prefix: string, options: RoutesOptions): Promise<number> {
  const query = new URLSearchParams({ prefix, ...(options.peer === undefined ? {} : { peer: options.peer }) });
  const names = options.host === undefined ? [] : [options.host];
  const reports = await askAll<WhyReport>(host, { names, lab: options.lab, path: `/v1/bgp/why?${query}` });
  write(host, options, reports, () => reports.map(whyText).join("\n"));
  return 0;
}

export async function showExplanation(host: ProcessHost, peer: string, options: ShowOptions): Promise<number> {
  const names = options.host === undefined ? [] : [options.host];
  const reports = await bgpReports(host, names, options.lab);
  const found = reports.flatMap((report) => sessionsTo(peer, report));
  if (found.length === 0) throw noSession(peer, reports);
  write(host, options, found, () => found.map(explanationText).join("\n"));
  return 0;
}

const sessionsTo = (peer: string, { host, sessions }: OnHost & BgpReport): readonly (OnHost & BgpSessionReport)[] =>
  sessions
    .filter(({ name, address, node }) => name === peer || address === peer || node === peer)
    .map((session) => ({ host, ...session }));

/** What keeps sessions from being is the likely reason. */
function noSession(peer: string, reports: readonly (OnHost & BgpReport)[]): BgpCommandError {
  const notes = reports.flatMap(({ host, reports: lines }) => lines.map((line) => `\n${host}: ${line}`));
  const where = reports.map(({ host }) => host).join(", ");
  const text = `no session to '${peer}' on ${where}: 'ocicat bgp peers' lists them${notes.join("")}`;
  return new BgpCommandError("noSuchPeer", text, {});
}
