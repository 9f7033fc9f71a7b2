/** Routes that go out together, and what becomes of them. */
import type { KernelError } from "../../port/netlink.ts";
import type { Entry, Way } from "./way.ts";

/**
 * Those that can be written now, as they are wanted. The others are parked, save where nobody knows their way any more:
 * `again` takes them.
 */
export function sift(taken: readonly Entry[], again: (entry: Entry) => void): readonly Entry[] {
  return taken.filter((entry) => {
    const { way } = entry;
    if (way?.footing === "unknown") again(entry);
    else if (!way || mayGo(way)) {
      entry.sent = way;
      entry.sentId = way?.nexthopId ?? 0;
      return true;
    } else if (!entry.isQueued) way.parked.add(entry);
    return false;
  });
}

/** Of a doubtful way, one route is tried. */
function mayGo(way: Way): boolean {
  if (way.footing !== "doubtful") return way.footing === "open";
  if (way.isTried) return false;
  way.isTried = true;
  return true;
}

/** Takes in a refusal of a route that was written plain: with its gateway the kernel refuses all routes of a way. */
export function refuse(entry: Entry, way: Way, { errno }: KernelError): void {
  if (way.footing === "doubtful" || ofGateways.has(errno)) way.footing = "blocked";
  if (!entry.isQueued) way.parked.add(entry);
}

const ofGateways: ReadonlySet<string> = new Set(["ENETUNREACH", "EHOSTUNREACH", "ENETDOWN", "ENODEV"]);
