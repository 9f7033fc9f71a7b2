/** What is remembered of a session for people: counters, and the last errors of each side. */
import { describeNotification, reasonOf } from "../bgp/message/notification-text.ts";
import type { Ending } from "../bgp/session/types.ts";
import type { TransportFailure } from "../port/bgp-transport.ts";
import type { Clock, WallClock } from "../port/clock.ts";
import type { Notified, SessionCounters, SessionStatus, SessionTotals } from "./types.ts";

export const noCounters: SessionCounters = {
  messagesReceived: 0,
  messagesSent: 0,
  updatesReceived: 0,
  updatesSent: 0,
  malformedAttributes: 0,
  unsendable: 0,
};
export const noTotals: SessionTotals = { ...noCounters, flaps: 0 };

export const addTotals = (a: SessionTotals, b: SessionTotals): SessionTotals => ({
  messagesReceived: a.messagesReceived + b.messagesReceived,
  messagesSent: a.messagesSent + b.messagesSent,
  updatesReceived: a.updatesReceived + b.updatesReceived,
  updatesSent: a.updatesSent + b.updatesSent,
  malformedAttributes: a.malformedAttributes + b.malformedAttributes,
  unsendable: a.unsendable + b.unsendable,
  flaps: a.flaps + b.flaps,
});

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

export class SessionRecord {
  readonly counters: Writable<SessionCounters> = { ...noCounters };
  flaps = 0;
  restsUntil: Date | undefined;
  #since: Date;
  #sent: Notified | undefined;
  #received: Notified | undefined;
  #tcp: SessionStatus["tcp"];
  readonly #clock: Clock;
  readonly #wallClock: WallClock;

  constructor({ clock, wallClock }: { readonly clock: Clock; readonly wallClock: WallClock }) {
    this.#clock = clock;
    this.#wallClock = wallClock;
    this.#since = wallClock.now();
  }

  get #moment() {
    return { at: this.#wallClock.now(), monotonicMs: Math.floor(this.#clock.now()) };
  }

  /** It came into another state. */
  moved(): void {
    this.#since = this.#wallClock.now();
  }

  /** How a connection ended. Ours that lost a collision say nothing of the peer. */
  ended({ cause, notification, why }: Ending): void {
    if (!notification) return;
    const { code, subcode } = reasonOf(notification);
    const moment = this.#moment;
    if (cause === "sent") {
      const words = describeNotification(notification);
      this.#sent = { ...moment, code, subcode, message: words === why ? why : `${words}: ${why}` };
    }
    if (cause === "received") this.#received = { ...moment, code, subcode, message: why };
  }

  failed({ reason, message }: TransportFailure): void {
    this.#tcp = { ...this.#moment, reason, message };
  }

  rests(afterMs: number): void {
    this.restsUntil = new Date(this.#wallClock.now().getTime() + afterMs);
  }

  get totals(): SessionTotals {
    return { ...this.counters, flaps: this.flaps };
  }

  get status() {
    return {
      since: this.#since,
      ...(this.#sent ? { sent: this.#sent } : {}),
      ...(this.#received ? { received: this.#received } : {}),
      ...(this.#tcp ? { tcp: this.#tcp } : {}),
      ...(this.restsUntil ? { restsUntil: this.restsUntil } : {}),
      flaps: this.flaps,
      counters: { ...this.counters },
    };
  }
}
