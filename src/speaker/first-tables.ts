/**
 * Peers that have yet to end the first table of a session, where they say when that is (RFC 4724): until then marks of a refresh
 * are not heard (RFC 7313 section 4), or the End-of-RIB would take out what was told before the mark.
 */
import type { Negotiated } from "../bgp/session/negotiate.ts";
import type { Family } from "../ip/address.ts";

export class FirstTables {
  readonly #unended = new Map<string, Set<Family>>();

  begin(session: string, { gracefulRestart, families }: Negotiated): void {
    if (gracefulRestart) this.#unended.set(session, new Set(families));
  }

  /** The peer's End-of-RIB. */
  end(session: string, family: Family): void {
    this.#unended.get(session)?.delete(family);
  }

  /** The session is over. */
  forget(session: string): void {
    this.#unended.delete(session);
  }

  isUnended(session: string, family: Family): boolean {
    return this.#unended.get(session)?.has(family) ?? false;
  }
}
