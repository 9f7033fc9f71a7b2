/** What a session says in the log. A complaint is said aloud once, until the session has been up. */
import type { Negotiated } from "../bgp/session/negotiate.ts";
import type { Ending, State } from "../bgp/session/types.ts";
import type { Log, LogFields } from "../port/log.ts";

/** A peer that finds ever new words for what is wrong fills the log, not the memory. */
const MOST_SAID = 32;

export class SessionLog {
  readonly #log: Log;
  readonly #said = new Set<string>();

  /** `log` names the session on every line. */
  constructor(log: Log) {
    this.#log = log;
  }

  moved(from: State["name"], to: State["name"]): void {
    this.#log.debug("the session's state changed", { from, to });
  }

  established({ peerAs, holdTimeSeconds, families }: Negotiated): void {
    this.#said.clear();
    this.#log.info("session established", { asn: peerAs, holdTimeSeconds, families });
  }

  lost({ why }: Ending): void {
    this.#log.warn("session lost", { why });
  }

  complain(message: string, why: string, fields: LogFields = {}): void {
    const complaint = `${message} ${why}`;
    if (this.#said.has(complaint)) this.#log.debug(message, { ...fields, why });
    else this.#log.info(message, { ...fields, why });
    if (this.#said.size < MOST_SAID) this.#said.add(complaint);
  }
}
