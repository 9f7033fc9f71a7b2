/** Whether what a session led to was deleted, and not just the peering with it: nobody will tell its routes again. */
import type { View } from "../view.ts";
import type { SessionPiece } from "./pieces.ts";
import { hasAddress, isWorkloadSession } from "./workload-sessions.ts";

/** Pure. Of a peer that is an address of something else nobody knows: false. */
export function isEndDeleted({ session, node }: SessionPiece, view: View): boolean {
  if (node !== undefined) return !view.nodes.has(node);
  if (!isWorkloadSession(session)) return false;
  return ![...view.endpoints.values()].some((endpoint) => hasAddress(endpoint, session.peer.address));
}
