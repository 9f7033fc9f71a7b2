/**
 * `localWorkloadSelector` of a BGPPeer (control plane 6.2): sessions with pods of this node, which dial. Only AS numbers and
 * filters of the BGPPeer count.
 */
import type { SessionConfig } from "../../bgp/config.ts";
import { familyOf, type IpAddress } from "../../ip/address.ts";
import { hostPrefix, isHostPrefix } from "../../ip/prefix.ts";
import { type Fragment, nothing } from "../fragment.ts";
import { type AddressItem, addressKey } from "../node-state.ts";
import type { Endpoint, View } from "../view.ts";
import type { OwnSpeaker } from "./own.ts";
import { SessionRank } from "./pieces.ts";
import { plainSettings, sessionPiece } from "./session.ts";
import type { BgpPeer } from "./types.ts";

const PREFIX = "Local_Workload";

export const isWorkloadSession = ({ name }: Pick<SessionConfig, "name">): boolean => name.startsWith(`${PREFIX}_`);

export function workloadSessions(own: OwnSpeaker, peer: BgpPeer, view: View): Fragment {
  const { target, settings, name, users } = peer;
  if (target.kind !== "workloads") return nothing;
  const { selector, asn } = target;
  const about = `BGPPeer(${name})`;
  if (asn === undefined) return { reports: [`${about} opens no session: it has no asNumber`] };
  const pods = [...selectedPods(selector, view)];
  if (pods.length === 0) return nothing;
  const sessions = pods.map(({ address }) =>
    sessionPiece({
      own,
      end: { address, port: undefined, asn, clusterId: undefined },
      prefix: PREFIX,
      rank: users.kind === "all" ? SessionRank.global : SessionRank.node,
      about,
      node: undefined,
      passive: true,
      // The pod dials whichever address of the node it likes, the one on its own device among them.
      settings: { ...plainSettings, usesNodeAddress: false, localAsn: settings.localAsn, filters: settings.filters },
    }),
  );
  const items = pods.flatMap((pod) => peeringItem(pod, view) ?? []);
  const addresses = [...new Map(items.map((item) => [addressKey(item), item])).values()];
  return { bgp: { sessions }, ...(addresses.length === 0 ? {} : { addresses }) };
}

/** What the pod dials, on its device; undefined where none is configured for its family. */
function peeringItem({ address: pod, device }: SpeakingPod, view: View): AddressItem | undefined {
  const address = view.bgp.cluster?.workloadPeering[familyOf(pod)];
  return address === undefined ? undefined : { device, address: hostPrefix(address) };
}

/** What pods of this node dial, while there are any. */
export const peeringAddresses = (view: View): ReadonlySet<IpAddress> =>
  new Set([...speakingPods(view)].flatMap((pod) => peeringItem(pod, view)?.address.address ?? []));

/** A pod of this node that may be a BGP peer. */
interface SpeakingPod {
  readonly address: IpAddress;
  readonly device: string;
}

export function* speakingPods(view: View): Iterable<SpeakingPod> {
  for (const { target } of view.bgp.workloadPeers()) {
    if (target.kind === "workloads") yield* selectedPods(target.selector, view);
  }
}

function* selectedPods(selector: string, view: View): Iterable<SpeakingPod> {
  for (const endpoint of view.endpoints.values()) {
    if (!view.bgp.selects(selector, endpoint)) continue;
    for (const address of addressesOf(endpoint)) yield { address, device: endpoint.device };
  }
}

/** The device by which routes lead whose next hop is such a pod; undefined: it is none. */
export function speakingPodDevice(nextHop: IpAddress, view: View): string | undefined {
  for (const { address, device } of speakingPods(view)) if (address === nextHop) return device;
  return undefined;
}

export const hasAddress = (endpoint: Endpoint, address: IpAddress): boolean => addressesOf(endpoint).includes(address);

const addressesOf = ({ addresses }: Endpoint): readonly IpAddress[] =>
  addresses.filter(isHostPrefix).map(({ address }) => address);
