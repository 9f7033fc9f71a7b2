/**
 * A speaker that has restarted, and whose host goes on forwarding as before, chooses no routes until its peers have told theirs
 * (RFC 4724 section 4.1): or it would withdraw what it is about to learn. Peers that do not say when they are through, or that
 * have restarted too, are not waited for, and nobody for ever.
 */
import type { SessionConfig } from "../bgp/config.ts";
import type { Negotiated } from "../bgp/session/negotiate.ts";
import type { Family } from "../ip/address.ts";

export class Deferral {
  /** Called once, when nobody is waited for any more. */
  over: () => void = () => undefined;
  /** Families that each session has yet to end. */
  readonly #awaited: Map<string, Set<Family>>;
  #isOver = false;

  constructor(sessions: Iterable<SessionConfig>) {
    this.#awaited = new Map([...sessions].map(({ name, families }) => [name, new Set(families)]));
  }

  get waitsFor(): readonly string[] {
    return [...this.#awaited.keys()];
  }

  established(name: string, { gracefulRestart, families }: Negotiated): void {
    if (!gracefulRestart || gracefulRestart.isRestarting) this.removed(name);
    for (const family of this.#awaited.get(name) ?? []) if (!families.includes(family)) this.ended(name, family);
  }

  /** The End-of-RIB of a family. */
  ended(name: string, family: Family): void {
    const families = this.#awaited.get(name);
    families?.delete(family);
    if (families?.size === 0) this.removed(name);
  }

  /** The session is not waited for. */
  removed(name: string): void {
    this.#awaited.delete(name);
    if (this.#awaited.size === 0) this.giveUp();
  }

  /** Nobody is waited for any more. */
  giveUp(): void {
    this.#awaited.clear();
    if (this.#isOver) return;
    this.#isOver = true;
    this.over();
  }
}
