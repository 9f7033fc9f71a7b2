/**
 * The decision process (RFC 4271 section 9.1.2.2 with RFC 4456 section 9): rule after rule takes out what is worse than the
 * best of those left. MED compares only paths of one neighbouring AS and takes part as the RFC's own algorithm says, so that the
 * outcome does not depend on the order of the candidates.
 */
import type { IpAddress } from "../../ip/address.ts";
import type { Path } from "./path.ts";

/** By which rule a candidate lost; in the order in which they are asked. */
export type DecisionRule =
  | "elevated"
  | "localOrigin"
  | "localPref"
  | "asPathLength"
  | "origin"
  | "med"
  | "externalPeer"
  | "interiorCost"
  | "routerId"
  | "clusterListLength"
  | "peerAddress"
  | "sessionName";

interface Step {
  readonly rule: DecisionRule;
  /** Lower is better. */
  key(path: Path): number;
}

const BEFORE_MED: readonly Step[] = [
  { rule: "elevated", key: (path) => (path.beatsOwn ? 0 : 1) },
  { rule: "localOrigin", key: (path) => (path.peer === undefined ? 0 : 1) },
  { rule: "localPref", key: (path) => -path.localPref },
  { rule: "asPathLength", key: (path) => path.asPathLength },
  { rule: "origin", key: (path) => path.originRank },
];

const AFTER_MED: readonly Step[] = [
  { rule: "externalPeer", key: (path) => (path.isExternal ? 0 : 1) },
  { rule: "interiorCost", key: (path) => path.hop?.cost ?? 0 },
];

/** Told of each eligible path that is not the best, in the order of the rules. */
type Lost = (path: Path, rule: DecisionRule) => void;

/** Orders the eligible candidates that no rule before the tie breaks took out; empty: there is none. */
export function decide(candidates: readonly Path[], lost?: Lost): readonly Path[] {
  let left = candidates.filter((path) => path.isEligible);
  for (const step of BEFORE_MED) left = least(left, step, lost);
  left = withoutWorseMed(left, lost);
  for (const step of AFTER_MED) left = least(left, step, lost);
  if (left.length > 1) left.sort((a, b) => tieBreak(a, b).order);
  const [best, ...others] = left;
  if (best && lost) for (const path of others) lost(path, tieBreak(best, path).rule);
  return left;
}

/** The paths to use beside each other: of those over one next hop the first, `maxPaths` at most. */
export function multipath(equals: readonly Path[], maxPaths: number): readonly Path[] {
  const chosen: Path[] = [];
  for (const path of equals) {
    if (chosen.length === maxPaths) break;
    if (!chosen.some(({ hop }) => hop === path.hop)) chosen.push(path);
  }
  return chosen;
}

function least(paths: Path[], { rule, key }: Step, lost: Lost | undefined): Path[] {
  if (paths.length < 2) return paths;
  let best = Number.POSITIVE_INFINITY;
  for (const path of paths) best = Math.min(best, key(path));
  return paths.filter((path) => {
    if (key(path) === best) return true;
    lost?.(path, rule);
    return false;
  });
}

/** RFC 4271 section 9.1.2.2 c. */
function withoutWorseMed(paths: Path[], lost: Lost | undefined): Path[] {
  if (paths.length < 2) return paths;
  const least = new Map<number, number>();
  for (const { neighbourAs, med } of paths) least.set(neighbourAs, Math.min(least.get(neighbourAs) ?? med, med));
  return paths.filter((path) => {
    if (path.med === least.get(path.neighbourAs)) return true;
    lost?.(path, "med");
    return false;
  });
}

/** RFC 4271 section 9.1.2.2 f and g, RFC 4456 section 9 between them; the name where even the peers' addresses are one. */
function tieBreak(a: Path, b: Path): { order: number; rule: DecisionRule } {
  const ids = (a.routerId ?? 0) - (b.routerId ?? 0);
  if (ids !== 0) return { order: ids, rule: "routerId" };
  const lengths = a.attributes.clusterList.length - b.attributes.clusterList.length;
  if (lengths !== 0) return { order: lengths, rule: "clusterListLength" };
  const addresses = compareAddresses(a.peer?.session.peerAddress ?? 0, b.peer?.session.peerAddress ?? 0);
  if (addresses !== 0) return { order: addresses, rule: "peerAddress" };
  return { order: (a.peer?.session.name ?? "") < (b.peer?.session.name ?? "") ? -1 : 1, rule: "sessionName" };
}

const compareAddresses = (a: IpAddress | 0, b: IpAddress | 0): number => (a < b ? -1 : a > b ? 1 : 0);
