/**
 * What this node announces, in the order of Calico's export filter (control plane 6.4): the priority of local routes,
 * then a session's own BGPFilters, then pools that are not exported, devices of tunnels, communities, own blocks as
 * aggregates of their addresses (what a peer tells with an elevated priority stands for itself), load balancers on reflectors,
 * all other pools; nothing else.
 */
import type { Action, Condition, Term } from "../../bgp/filter/types.ts";
import { type Family, familyOf, formatAddress } from "../../ip/address.ts";
import { comparePrefixes, formatPrefix, hostPrefix, isHostPrefix, type Prefix, prefixFamily } from "../../ip/prefix.ts";
import { type Fragment, nothing } from "../fragment.ts";
import type { Pool, View } from "../view.ts";
import { type OwnSpeaker, ownSpeaker } from "./own.ts";
import type { Advertisement, Community } from "./types.ts";
import { speakingPods } from "./workload-sessions.ts";

/** Calico's kernel metric for routes without one; on the wire a metric m is LOCAL_PREF 2^31−1−m, so that it survives a hop. */
const NORMAL_PRIORITY = 1024;
const HIGHEST = 0x7fffffff;

export const localPrefOf = (priority: number): number => HIGHEST - priority;

export function exportPolicy(view: View): Fragment {
  const own = ownSpeaker(view);
  if (!own) return nothing;
  return { bgp: { exportPolicy: { 4: policyOf(4, own, view), 6: policyOf(6, own, view) } } };
}

function policyOf(family: Family, own: OwnSpeaker, view: View) {
  const isOurs = ({ cidr }: { readonly cidr: Prefix }): boolean => prefixFamily(cidr) === family;
  const byCidr = (a: { readonly cidr: Prefix }, b: { readonly cidr: Prefix }): number =>
    comparePrefixes(a.cidr, b.cidr);
  const pools = [...view.pools.values()].filter(isOurs).sort(byCidr);
  const blocks = [...view.ownBlocks()].filter(isOurs).sort(byCidr);
  const { cluster } = view.bgp;
  const loadBalancers = own.clusterId === undefined ? [] : (cluster?.loadBalancerRanges ?? []);
  const priority = cluster?.normalPriority[family] ?? NORMAL_PRIORITY;
  const normalLocalPref = localPrefOf(priority);
  return {
    normalLocalPref,
    before: [normalPriority(priority), ...podsBehindUs(family, own, view)],
    after: [
      ...pools.filter(({ disableBgpExport }) => disableBgpExport).map(withheld),
      ...tunnelDevices,
      ...view.bgp.advertisements.filter(isOurs).map(communities),
      ...blocks.flatMap(({ cidr }) => aggregate(cidr, normalLocalPref)),
      ...loadBalancers.filter((cidr) => isOurs({ cidr })).map(passedOn),
      ...pools.filter(({ disableBgpExport }) => !disableBgpExport).map(exported),
    ],
  };
}

const term = (
  about: string,
  conditions: readonly Condition[],
  verdict?: Term["verdict"],
  actions: readonly Action[] = [],
): Term => ({ about, conditions, actions, ...(verdict === undefined ? {} : { verdict }) });

const within = (prefix: Prefix): Condition => ({ kind: "within", prefix });
const device = (pattern: string): Condition => ({ kind: "device", pattern });
const internal: Condition = { kind: "peerType", peerType: "internal" };
const local: Condition = { kind: "source", source: "local" };

const normalPriority = (priority: number): Term =>
  term(`priority ${priority} of local routes`, [local], undefined, [
    { kind: "setLocalPref", value: localPrefOf(priority) },
  ]);

/** No other node knows a way to a pod but by its node: what a pod has told is told on as if it were ours. */
function podsBehindUs(family: Family, { advertised }: OwnSpeaker, view: View): readonly Term[] {
  const self = advertised[family];
  const pods = new Set(Array.from(speakingPods(view), ({ address }) => address));
  if (self === undefined) return [];
  return [...pods]
    .filter((address) => familyOf(address) === family)
    .sort((a, b) => (a < b ? -1 : 1))
    .map((address) =>
      term(
        `routes of pod ${formatAddress(address)} lead through this node`,
        [internal, { kind: "nextHop", prefix: hostPrefix(address) }],
        undefined,
        [{ kind: "setNextHop", address: self }],
      ),
    );
}

const withheld = ({ cidr, origin }: Pool): Term =>
  term(`disableBGPExport of pool ${origin.name}`, [within(cidr)], "reject");

const exported = ({ cidr, origin }: Pool): Term => term(`pool ${origin.name}`, [within(cidr)], "accept");

const tunnelDevices: readonly Term[] = [
  ...["*.cali", "*.calico"].map((pattern) =>
    term(`tunnel devices ${pattern} lead to no internal peer`, [internal, device(pattern)], "reject"),
  ),
  term("devices bpf*.cali", [device("bpf*.cali")], "reject"),
];

const communities = ({ cidr, communities: list }: Advertisement): Term =>
  term(`communities of ${formatPrefix(cidr)}`, [within(cidr)], undefined, list.map(addCommunity));

export const addCommunity = (community: Community): Action =>
  typeof community === "number" ? { kind: "addCommunity", community } : { kind: "addLargeCommunity", community };

/** The block stands for its addresses, save for those that another node took over with an elevated priority; one address alone cannot. */
function aggregate(cidr: Prefix, normalLocalPref: number): readonly Term[] {
  const about = `own block ${formatPrefix(cidr)}`;
  const itself = term(about, [{ kind: "equals", prefix: cidr }], "accept");
  if (isHostPrefix(cidr)) return [itself];
  const elevated: Condition = { kind: "localPrefAbove", value: normalLocalPref };
  return [
    itself,
    term(`elevated inside ${about}`, [within(cidr), elevated], "accept"),
    term(`aggregated in ${about}`, [within(cidr)], "reject"),
  ];
}

const passedOn = (cidr: Prefix): Term =>
  term(`reflectors pass on load balancers ${formatPrefix(cidr)}`, [within(cidr)], "accept");
