/**
 * A state file that is written for bursts of changes: soon, not at once, and no faster than the disk should be asked to. A
 * write that fails is said once and is for the caller to repeat.
 */
import { messageOf } from "../base/errors.ts";
import type { Clock, Millis } from "../port/clock.ts";
import type { Log } from "../port/log.ts";
import type { StateFile } from "../port/state-file.ts";

/** Changes come in bursts; a file of thousands of items is written for a burst, not for each. */
const DELAY_MS: Millis = 1_000;
/** What is written for changes that go on and on, on average: a megabyte a second. */
const MOST_OCTETS_PER_MS = 1_000;
/** A write that failed is tried again after this. */
const RETRY_MS: Millis = 10_000;

export interface PacedFileDeps {
  readonly stateFile: StateFile;
  readonly clock: Clock;
  readonly log: Log;
  /** What the file holds, for people: `the last applied state`. */
  readonly what: string;
}

export class PacedFile {
  readonly #deps: PacedFileDeps;
  /** The next write comes no sooner. */
  #notBefore: Millis = 0;
  #failure: string | undefined;

  constructor(deps: PacedFileDeps) {
    this.#deps = deps;
  }

  /** How long the next write shall wait from now. */
  get waitMs(): Millis {
    return Math.max(DELAY_MS, this.#notBefore - this.#deps.clock.now());
  }

  /** Whether it was written. */
  async replace(chunks: Iterable<string>): Promise<boolean> {
    const { stateFile, clock, log, what } = this.#deps;
    let octets = 0;
    const counted = function* () {
      for (const chunk of chunks) {
        octets += chunk.length;
        yield chunk;
      }
    };
    try {
      await stateFile.replace(counted());
      this.#failure = undefined;
      this.#notBefore = clock.now() + octets / MOST_OCTETS_PER_MS;
      return true;
    } catch (failure) {
      const why = messageOf(failure);
      if (why !== this.#failure)
        log.error(`${what} cannot be written, will be tried again`, { file: stateFile.path }, failure);
      this.#failure = why;
      this.#notBefore = clock.now() + RETRY_MS;
      return false;
    }
  }
}
