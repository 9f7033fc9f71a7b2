/**
 * RFC 9687: a peer that takes nothing for a long time, while there is something for it, is given up, even when it still sends
 * KEEPALIVEs. What counts is that octets leave, not that all of them have left.
 */
import type { Slot } from "../bgp/session/peer.ts";
import type { BgpStream } from "../port/bgp-transport.ts";
import type { Clock, Millis, Timer } from "../port/clock.ts";

/** RFC 9687 section 3.2. */
const LEAST_SECONDS = 480;

export const sendHoldMs = (holdTimeSeconds: number): Millis => Math.max(LEAST_SECONDS, 2 * holdTimeSeconds) * 1000;

interface Watch {
  readonly stream: BgpStream;
  readonly everyMs: Millis;
  written: number;
  /** Octets that had left when the timer was set. */
  left: number;
  timer: Timer | undefined;
}

export class SendHold {
  readonly #clock: Clock;
  readonly #expired: (slot: Slot) => void;
  readonly #watches = new Map<Slot, Watch>();

  constructor(clock: Clock, expired: (slot: Slot) => void) {
    this.#clock = clock;
    this.#expired = expired;
  }

  wrote(slot: Slot, stream: BgpStream, octets: number, holdTimeSeconds: number): void {
    let watch = this.#watches.get(slot);
    if (watch?.stream !== stream) {
      watch?.timer?.cancel();
      watch = { stream, everyMs: sendHoldMs(holdTimeSeconds), written: 0, left: 0, timer: undefined };
      this.#watches.set(slot, watch);
    }
    watch.written += octets;
    if (stream.pendingOctets > 0 && !watch.timer) this.#set(slot, watch);
  }

  /** Everything has left, or the connection is over. */
  cancel(slot: Slot): void {
    const watch = this.#watches.get(slot);
    watch?.timer?.cancel();
    if (watch) watch.timer = undefined;
  }

  #set(slot: Slot, watch: Watch): void {
    watch.left = watch.written - watch.stream.pendingOctets;
    watch.timer = this.#clock.after(watch.everyMs, () => {
      watch.timer = undefined;
      if (watch.stream.pendingOctets === 0) return;
      if (watch.written - watch.stream.pendingOctets > watch.left) this.#set(slot, watch);
      else this.#expired(slot);
    });
  }
}
