/** The status of a CalicoNodeStatus: what calico-node reads off BIRD, from our speaker, in the same fields (control plane 1.8). */
import type { JsonObject } from "../../base/json.ts";
import type { LearnedDecision } from "../../compile/routing/learned.ts";
import { sinceText } from "../../ctl/node-status.ts";
import type { BgpRoute, BgpTables } from "../../insight/bgp-routes.ts";
import { routesOf } from "../../insight/bgp-routes.ts";
import { formatAddress } from "../../ip/address.ts";
import type { PrefixCode } from "../../ip/prefix-code.ts";
import { type BgpReport, type BgpSessionReport, sessionType } from "./bgp-report.ts";

export interface StatusSources {
  /** Undefined: this node speaks no BGP. */
  readonly bgp: BgpReport | undefined;
  readonly tables: BgpTables | undefined;
  readonly learned: (prefix: PrefixCode) => LearnedDecision | undefined;
  readonly version: string;
}

/** Prefixes in one object, which the store takes whole: etcd's limit is 1.5 MB. */
const MOST_PREFIXES = 1_000;

const TYPES: Readonly<Record<string, string>> = {
  "node-to-node mesh": "NodeMesh",
  "node specific": "NodePeer",
  global: "GlobalPeer",
};
const families = [4, 6] as const;

export function calicoNodeStatus(classes: readonly string[], sources: StatusSources): JsonObject {
  return {
    ...(classes.includes("Agent") ? { agent: agentOf(sources) } : {}),
    ...(classes.includes("BGP") ? { bgp: bgpOf(sources) } : {}),
    ...(classes.includes("Routes") ? { routes: tablesOf(sources) } : {}),
  };
}

function agentOf({ bgp, version }: StatusSources): JsonObject {
  const bird: JsonObject = bgp
    ? {
        state: bgp.waitsFor.length > 0 ? "NotReady" : "Ready",
        version,
        ...(bgp.routerId === undefined ? {} : { routerID: bgp.routerId }),
        lastBootTime: bgp.since,
        ...(bgp.configuredAt === undefined ? {} : { lastReconfigurationTime: bgp.configuredAt }),
      }
    : { state: "NotReady" };
  return { birdV4: bird, birdV6: bird };
}

function bgpOf({ bgp }: StatusSources): JsonObject {
  const now = new Date(bgp?.now ?? 0);
  const parts = families.map((family): JsonObject => {
    const sessions = bgp?.sessions.filter((session) => session.family === family) ?? [];
    const up = sessions.filter(({ state }) => state === "Established").length;
    return {
      [`numberEstablishedV${family}`]: up,
      [`numberNotEstablishedV${family}`]: sessions.length - up,
      [`peersV${family}`]: sessions.map((session) => peerOf(session, now)),
    };
  });
  return Object.assign({}, ...parts) as JsonObject;
}

const peerOf = (session: BgpSessionReport, now: Date): JsonObject => ({
  peerIP: session.address,
  type: TYPES[sessionType(session)] ?? "GlobalPeer",
  state: session.state,
  since: sinceText(new Date(session.since), now),
});

function tablesOf({ bgp, tables, learned }: StatusSources): JsonObject {
  const routes = { routesV4: [] as JsonObject[], routesV6: [] as JsonObject[] };
  const sessions = new Map(bgp?.sessions.map((session) => [session.name, session]));
  let left = MOST_PREFIXES;
  for (const code of tables?.prefixes() ?? []) {
    if (left-- <= 0) break;
    const into = typeof code === "number" ? routes.routesV4 : routes.routesV6;
    for (const route of tables ? routesOf(code, tables, {}) : []) {
      const session = route.from === undefined ? undefined : sessions.get(route.from);
      into.push(routeOf(route, session, learned(code)));
    }
  }
  return routes;
}

function routeOf(
  { prefix, from, nextHop, fate }: BgpRoute,
  session: BgpSessionReport | undefined,
  decision: LearnedDecision | undefined,
): JsonObject {
  const isUsed = fate === "best" || fate === "multipath";
  if (from === undefined)
    return { type: isUsed ? "FIB" : "RIB", destination: prefix, learnedFrom: { sourceType: "Static" } };
  const isMesh = session !== undefined && sessionType(session) === "node-to-node mesh";
  const hops = isUsed && decision && "piece" in decision ? decision.piece.route.nextHops : [];
  const [first] = hops;
  const hop = hops.find(({ gateway }) => gateway !== undefined && formatAddress(gateway) === nextHop) ?? first;
  return {
    type: hop ? "FIB" : "RIB",
    destination: prefix,
    gateway: hop?.gateway === undefined ? nextHop : formatAddress(hop.gateway),
    ...(hop?.device === undefined ? {} : { interface: hop.device }),
    learnedFrom: {
      sourceType: isMesh ? "NodeMesh" : "BGPPeer",
      ...(session === undefined ? {} : { peerIP: session.address }),
    },
  };
}
