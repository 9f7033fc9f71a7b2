/**
 * Which peers' hosts answer nothing at this moment. Between two KEEPALIVEs, and for as long as the hold time, a session whose
 * peer has vanished looks like any other: each says a KEEPALIVE more, and the other host's TCP acknowledges it or not.
 */
import { TurnBudget } from "../kernel/turn-budget.ts";
import type { Clock, Millis } from "../port/clock.ts";
import type { Session } from "./session.ts";

/** Some retransmissions of TCP's, the first of which comes after 200 ms. */
const PATIENCE_MS: Millis = 1500;
const LOOK_MS: Millis = 20;

/** Names of the established sessions that nothing is heard of; at once where all answer. */
export async function unanswered(sessions: Iterable<Session>, clock: Clock): Promise<readonly string[]> {
  let waiting: Session[] = [];
  const budget = new TurnBudget(clock);
  for (const session of sessions) {
    if (session.sendKeepalive()) waiting.push(session);
    if (budget.isSpent) await budget.rest();
  }
  const end = clock.now() + PATIENCE_MS;
  for (;;) {
    waiting = waiting.filter(({ stream }) => stream?.isAcknowledged === false);
    if (waiting.length === 0 || clock.now() >= end) return waiting.map(({ name }) => name);
    await new Promise<void>((resolve) => clock.after(LOOK_MS, resolve));
  }
}
