/**
 * Graceful restart, seen by the speaker that stays (RFC 4724 section 4.2, RFC 8538): whether the loss of a session keeps the
 * peer's routes as stale ones, and which of them go when it comes back.
 */
import type { Family } from "../../ip/address.ts";
import { CeaseReason, ErrorCode } from "../message/iana.ts";
import { hardReset } from "../message/notification-text.ts";
import type { Notification } from "../message/types.ts";
import type { Negotiated } from "./negotiate.ts";
import type { Ending } from "./types.ts";

/**
 * How long routes outlive a session that the configuration has ended, at this end or at the peer's: long enough for both ends
 * to hear of the change, for what takes the session's place to be dialled some times (after 0.25 s, 0.5 s, … 8 s) and to tell its
 * routes, and for a person to type the second half of the change. A quarter of what a peer that has crashed is given.
 */
export const RETIRED_SECONDS = 30;

/** RFC 4486: the peer's configuration has ended the session for good, and maybe ours is about to. */
export const isRetiredByPeer = ({ cause, notification }: Ending): boolean =>
  cause === "received" &&
  notification?.code === ErrorCode.cease &&
  notification.subcode === CeaseReason.peerDeconfigured;

/** Families whose routes stay as stale ones after the session ended so. */
export function keptAfterLoss(ending: Ending, { gracefulRestart, families }: Negotiated): readonly Family[] {
  if (!gracefulRestart || !isGraceful(ending, gracefulRestart.notification)) return [];
  return gracefulRestart.families.flatMap(({ family }) => (families.includes(family) ? [family] : []));
}

/** RFC 8538 section 5.1: ends that last. Not that the peer is configured no longer: `RETIRED_SECONDS` is the time for that. */
const lasting: ReadonlySet<number> = new Set([CeaseReason.maximumPrefixes, CeaseReason.administrativeShutdown]);

/** As a hard reset where the peer would keep our routes else, and we its. */
export function hardened(message: Notification, { gracefulRestart }: Negotiated): Notification {
  const { code, subcode } = message;
  if (!gracefulRestart?.notification || code !== ErrorCode.cease || !lasting.has(subcode)) return message;
  return hardReset(message);
}

/** RFC 8538 section 4: with the N bit on both sides a NOTIFICATION too, save for a hard reset. Ours is always set. */
function isGraceful({ cause, notification }: Ending, isNotificationGraceful: boolean): boolean {
  if (cause === "tcp") return true;
  if (cause === "stopped" || cause === "collision" || !isNotificationGraceful || !notification) return false;
  if (isSilence(notification)) return false;
  return notification.code !== ErrorCode.cease || notification.subcode !== CeaseReason.hardReset;
}

/**
 * Either end has heard nothing for the hold time. A restart would have ended the connection: it is the way that is gone, or the
 * host, and routes over it lead nowhere. RFC 8538 would keep them for the restart time; RFC 4724 and BIRD do not.
 */
const isSilence = ({ code }: Notification): boolean =>
  code === ErrorCode.holdTimerExpired || code === ErrorCode.sendHoldTimerExpired;

/** RFC 4724 section 4.2: families whose stale routes go at once, since the peer that is back has not kept its forwarding. */
export function droppedAtReturn(
  stale: readonly Family[],
  { gracefulRestart, families }: Negotiated,
): readonly Family[] {
  const kept = (gracefulRestart?.families ?? []).flatMap(({ family, isForwarding }) => (isForwarding ? [family] : []));
  return stale.filter((family) => !families.includes(family) || !kept.includes(family));
}
