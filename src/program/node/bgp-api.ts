/**
 * What the agent answers about BGP below `/v1/bgp`. Tables are told as lines, in slices of a turn and as fast as the asker
 * reads; what goes on is told to who listens, and what a slow listener misses is counted.
 */

import { formatJson } from "../../base/json.ts";
import { birdConf } from "../../bgp/bird/bird-conf.ts";
import { BirdTextError } from "../../bgp/bird/text.ts";
import { describeMessage } from "../../bgp/message/message-text.ts";
import { kernelExport } from "../../compile/bgp/kernel-export.ts";
import { routeKey } from "../../compile/node-state.ts";
import { birdRoute } from "../../compile/routing/bird-route.ts";
import type { Agent } from "../../dataplane/agent.ts";
import { bgpDangers, type PeerState } from "../../insight/bgp-dangers.ts";
import { type RouteQuery, routesOf } from "../../insight/bgp-routes.ts";
import { type WhyReport, whyPrefix } from "../../insight/bgp-why.ts";
import type { Verification } from "../../insight/verify.ts";
import { type IpAddress, tryParseAddress } from "../../ip/address.ts";
import { hostPrefix, type Prefix, prefixOf, tryParsePrefix } from "../../ip/prefix.ts";
import { TurnBudget } from "../../kernel/turn-budget.ts";
import type { Clock, WallClock } from "../../port/clock.ts";
import type { TappedMessage } from "../../speaker/message-tap.ts";
import { type BgpReport, type BgpSessionReport, bgpReport, isSessionTo } from "./bgp-report.ts";
import { type ApiAnswer, ApiError } from "./http-api.ts";
import type { NodeBgp } from "./node-bgp.ts";

export interface BgpApiDeps {
  /** Undefined: this agent speaks no BGP. */
  readonly bgp: Pick<NodeBgp, "speaker" | "status" | "since" | "configured" | "reports" | "whyLearned"> | undefined;
  readonly agent: Pick<Agent, "view" | "dataplane">;
  readonly clock: Clock;
  readonly wallClock: WallClock;
}

/** One line of `/v1/bgp/log`. */
export interface LogLine {
  /** RFC 3339. */
  readonly at: string;
  readonly session: string;
  readonly direction: "sent" | "received";
  readonly text: string;
}

/** Octets of one piece of a long answer. */
const PIECE_OCTETS = 1 << 16;

export class BgpApi {
  readonly #deps: BgpApiDeps;

  constructor(deps: BgpApiDeps) {
    this.#deps = deps;
  }

  /** `path` is what stands behind `/v1/bgp`. Throws ApiError. */
  answer(path: string, query: URLSearchParams): ApiAnswer | undefined {
    switch (path) {
      case "":
        return {
          json: query.get("unanswered") === "1" ? this.#askedReport().then(orNothing) : orNothing(this.report()),
        };
      case "/routes":
        return { lines: this.#routes(this.#routeQuery(query)) };
      case "/why":
        return { json: this.#why(query) };
      case "/render":
        return { json: this.#render(query.get("passwords") === "1") };
      case "/log":
        return { live: this.#log(query.get("peer") ?? undefined) };
      default:
        return undefined;
    }
  }

  /** The report with peers asked: takes a second or two where a peer's host answers nothing. */
  async #askedReport(): Promise<BgpReport | undefined> {
    return this.report(new Set(await this.#deps.bgp?.speaker?.unanswered()));
  }

  /** What is known of the sessions, `unanswered` of those whose peers were asked; undefined where the agent speaks no BGP. */
  report(unanswered?: ReadonlySet<string>): BgpReport | undefined {
    const { bgp, agent, wallClock } = this.#deps;
    const status = bgp?.status;
    if (!bgp?.since || !status) return undefined;
    const { since, configured } = bgp;
    const now = wallClock.now();
    const nodesAt = (address: IpAddress) => agent.view.bgp.nodesAt(address).map(({ name }) => name);
    const reports = [...bgp.reports, ...(configured?.config.sessions.size === 0 ? this.#whyAlone() : [])];
    return bgpReport(status, { since, now, configured, reports, nodesAt, ...(unanswered ? { unanswered } : {}) });
  }

  #whyAlone(): readonly string[] {
    const own = this.#deps.agent.view.ownNode;
    if (own?.clusterId === undefined) return [];
    return [
      `node ${own.name} has no session: its routeReflectorClusterID takes it out of the mesh, and no BGPPeer leads to it or from it`,
    ];
  }

  /** For `verify`: peers that have vanished, and what nobody told. */
  async dangers(): Promise<Pick<Verification, "dangers" | "reports">> {
    const report = await this.#askedReport();
    if (!report) return { dangers: [], reports: [] };
    const { dangers, reports } = await bgpDangers(
      { peers: report.sessions.map(peerState), retired: report.retired },
      this.#deps.agent.view,
      { leadsTo: (prefix) => this.#leadsTo(prefix), whyNot: (prefix) => this.#whyNot(prefix) },
      this.#deps.clock,
    );
    return { dangers, reports: [...report.reports, ...reports] };
  }

  /** Whether the kernel shall have a route of ours to the prefix, or to one that covers it. */
  #leadsTo({ address, length }: Prefix): boolean {
    for (let shorter = length; shorter >= 0; shorter--) {
      const key = routeKey(birdRoute(prefixOf(address, shorter), []));
      if (this.#deps.agent.dataplane.wanted("routes", key)) return true;
    }
    return false;
  }

  get #speaker() {
    const speaker = this.#deps.bgp?.speaker;
    if (!speaker) throw new ApiError("noBgp", "this agent speaks no BGP: CALICO_NETWORKING_BACKEND is not bird", {});
    return speaker;
  }

  #routeQuery(query: URLSearchParams): RouteQuery {
    const within = query.get("within");
    const peer = query.get("peer");
    const direction = query.get("direction") ?? "received";
    if (direction !== "received" && direction !== "advertised")
      throw new ApiError("notAsked", `'${direction}' is neither received nor advertised`, {});
    return {
      ...(within === null ? {} : { within: prefixIn(within) }),
      ...(peer === null ? {} : { peer: { session: this.#oneSession(peer), direction } }),
    };
  }

  async *#routes(query: RouteQuery): AsyncGenerator<string> {
    const { tables } = this.#speaker;
    const budget = new TurnBudget(this.#deps.clock);
    await budget.rest();
    let piece = "";
    for (const prefix of tables.prefixes()) {
      for (const route of routesOf(prefix, tables, query)) piece += `${formatJson(route)}\n`;
      if (!budget.isSpent && piece.length < PIECE_OCTETS) continue;
      if (piece !== "") yield piece;
      piece = "";
      await budget.rest();
    }
    if (piece !== "") yield piece;
  }

  #whyNot(prefix: Prefix): string | undefined {
    const { candidates, learned } = this.#whyPrefix(prefix, []);
    const told = candidates.find(({ from }) => from !== undefined);
    if (!told) return undefined;
    return `${told.from} told it, and ${learned && "rejected" in learned ? learned.rejected : told.why}`;
  }

  #why(query: URLSearchParams): WhyReport {
    const peer = query.get("peer");
    return this.#whyPrefix(prefixIn(query.get("prefix") ?? ""), peer === null ? [] : this.#sessions(peer));
  }

  #whyPrefix(asked: Prefix, sessions: readonly string[]): WhyReport {
    const { bgp, agent } = this.#deps;
    const { tables } = this.#speaker;
    return whyPrefix(asked, {
      tables,
      learned: (prefix) => bgp?.whyLearned(prefix),
      wanted: (key) => {
        const wanted = agent.dataplane.wanted("routes", key);
        if (!wanted) return undefined;
        const { value: route, source } = wanted;
        return { route, source, failures: agent.dataplane.failuresOf(source) };
      },
      keptSeconds: (session) => this.#speaker.keptSeconds(session),
      sessions,
    });
  }

  /** What a BIRD in the speaker's place is configured with. Throws ApiError. */
  #render(withPasswords: boolean): { readonly config: string } {
    const { bgp, agent } = this.#deps;
    if (!bgp?.configured)
      throw new ApiError("noBgp", "this agent speaks no BGP, or not yet: there is nothing to render", {});
    try {
      const { ignoredDevices } = agent.view.bgp;
      const options = { kernel: kernelExport(agent.view), ignoredDevices, withPasswords };
      return { config: birdConf(bgp.configured.config, options) };
    } catch (failure) {
      if (failure instanceof BirdTextError) throw new ApiError("notAsked", failure.message, {});
      throw failure;
    }
  }

  #log(peer: string | undefined): (write: (line: string) => void) => () => void {
    const { messages } = this.#speaker;
    const wanted = peer === undefined ? undefined : new Set(this.#sessions(peer));
    return (write) =>
      messages.listen((tapped) => {
        if (!wanted || wanted.has(tapped.session)) write(formatJson(this.#logLine(tapped)));
      });
  }

  #logLine({ session, direction, decoded }: TappedMessage): LogLine {
    const text = decoded.ok ? describeMessage(decoded.message) : `malformed: ${decoded.error.message}`;
    return { at: this.#deps.wallClock.now().toISOString(), session, direction, text };
  }

  /** Sessions by their name, by the peer's address, by the name of its node. Throws ApiError `noSuchPeer`. */
  #sessions(peer: string): readonly string[] {
    const found = (this.report()?.sessions ?? []).filter(isSessionTo(peer));
    if (found.length > 0) return found.map(({ name }) => name);
    throw new ApiError("noSuchPeer", `no session to '${peer}' here: 'ocicat bgp peers' lists them`, {});
  }

  #oneSession(peer: string): string {
    const [first = "", ...more] = this.#sessions(peer);
    if (more.length === 0) return first;
    throw new ApiError("noSuchPeer", `'${peer}' has several sessions, name one: ${[first, ...more].join(", ")}`, {});
  }
}

const orNothing = (bgp: BgpReport | undefined): { readonly bgp?: BgpReport } => (bgp ? { bgp } : {});

function peerState(session: BgpSessionReport): PeerState {
  const { name, node, state, findings, receivedPrefixes, stalePrefixes, problems } = session;
  const [first] = findings;
  return {
    session: name,
    ...(node === undefined ? {} : { node }),
    state,
    isUnanswered: findings.some(({ kind }) => kind === "unanswered"),
    ...(first ? { why: first.what } : {}),
    received: receivedPrefixes,
    stale: stalePrefixes,
    problems,
  };
}

/** A CIDR or an address. Throws ApiError `notAsked`. */
function prefixIn(text: string): Prefix {
  const address = tryParseAddress(text);
  const prefix = address === undefined ? tryParsePrefix(text) : hostPrefix(address);
  if (prefix) return prefix;
  throw new ApiError("notAsked", `'${text}' is neither an address nor a CIDR with zero host bits`, {});
}
