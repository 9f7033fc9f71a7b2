/** `ocicat bgp peers | routes | why | explain`: what agents know of their sessions and tables. */
import type { BgpRoute } from "../../insight/bgp-routes.ts";
import type { WhyReport } from "../../insight/bgp-why.ts";
import { tryParseAddress } from "../../ip/address.ts";
import { tryParsePrefix } from "../../ip/prefix.ts";
import type { ProcessHost } from "../process-host.ts";
import {
  agentsAsked,
  answersOf,
  BgpCommandError,
  bgpReports,
  linesOf,
  type ShowOptions,
  sessionsTo,
  write,
} from "./ask.ts";
import { coveringText, explanationText, peersText, routesText, whyText } from "./texts.ts";

export interface RoutesOptions extends ShowOptions {
  readonly peer?: string;
}

const askedOf = ({ host, lab, peer }: RoutesOptions) => ({ names: host === undefined ? [] : [host], lab, peer });

export async function showPeers(host: ProcessHost, names: readonly string[], options: ShowOptions): Promise<number> {
  const reports = await bgpReports(host, names, options.lab);
  await write(host, options, reports, (how) => peersText(reports, how));
  return 0;
}

export async function showRoutes(host: ProcessHost, words: readonly string[], options: RoutesOptions): Promise<number> {
  const { prefix, direction } = asked(words);
  const query = new URLSearchParams({
    ...(prefix === undefined ? {} : { within: prefix }),
    ...(options.peer === undefined ? {} : { peer: options.peer }),
    ...(direction === undefined ? {} : { direction }),
  });
  const agents = await agentsAsked(host, askedOf(options));
  const routes = await linesOf<BgpRoute>(agents, `/v1/bgp/routes?${query}`);
  await write(host, options, routes, async (how) => {
    const isNone = routes.length === 0 && prefix !== undefined;
    const stories = isNone ? await answersOf<WhyReport>(agents, `/v1/bgp/why?${new URLSearchParams({ prefix })}`) : [];
    return `${routesText(routes, how)}${coveringText(stories)}`;
  });
  return 0;
}

/** In any order, since `--peer P advertised` reads as one; no prefix is called so. Throws BgpCommandError. */
function asked(words: readonly string[]): { readonly prefix?: string; readonly direction?: string } {
  const direction = words.find(isDirection);
  const [prefix, other] = words.filter((word) => !isDirection(word));
  if (other !== undefined)
    throw new BgpCommandError("notAsked", `'${other}' is no direction: it is received or advertised`, {});
  if (prefix !== undefined && !tryParseAddress(prefix) && !tryParsePrefix(prefix)) {
    const text = `'${prefix}' is neither an address nor a CIDR with zero host bits, nor a direction (received or advertised)`;
    throw new BgpCommandError("notAsked", text, {});
  }
  return { ...(prefix === undefined ? {} : { prefix }), ...(direction === undefined ? {} : { direction }) };
}

const isDirection = (word: string): boolean => word === "received" || word === "advertised";

export async function showWhy(host: ProcessHost, prefix: string, options: RoutesOptions): Promise<number> {
  const query = new URLSearchParams({ prefix, ...(options.peer === undefined ? {} : { peer: options.peer }) });
  const reports = await answersOf<WhyReport>(await agentsAsked(host, askedOf(options)), `/v1/bgp/why?${query}`);
  await write(host, options, reports, () => reports.map(whyText).join("\n"));
  return 0;
}

export async function showExplanation(host: ProcessHost, peer: string, options: ShowOptions): Promise<number> {
  const { names, lab } = askedOf(options);
  const reports = await bgpReports(host, names, lab);
  const found = sessionsTo(peer, reports);
  await write(host, options, found, () => found.map(explanationText).join("\n"));
  return 0;
}
