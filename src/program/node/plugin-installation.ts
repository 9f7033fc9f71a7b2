/**
 * Puts the plugin's files on the host, once the agent can attach pods. What fails (a full disk, a folder that is mounted
 * later, a runtime that runs the old executable) is tried again until it succeeds, and can be read meanwhile.
 */
import { messageOf } from "../../base/errors.ts";
import type { Clock, Millis, Timer } from "../../port/clock.ts";
import type { Log } from "../../port/log.ts";

const FIRST_RETRY_MS: Millis = 1_000;
const LAST_RETRY_MS: Millis = 60_000;

export interface PluginInstallationDeps {
  /** Writes the files; resolves with a line for people. */
  readonly install: () => Promise<string>;
  readonly clock: Clock;
  readonly log: Log;
  /** `problems` are others now. */
  readonly changed: () => void;
}

export class PluginInstallation {
  readonly #deps: PluginInstallationDeps;
  #state: "wanted" | "begun" | "closed" = "wanted";
  #delayMs = FIRST_RETRY_MS;
  #problem: string | undefined;
  #timer: Timer | undefined;

  constructor(deps: PluginInstallationDeps) {
    this.#deps = deps;
  }

  /** Why the plugin is not on the host; none: it is, or its time has not come. */
  get problems(): readonly string[] {
    return this.#problem === undefined ? [] : [this.#problem];
  }

  /** Pods can come. Resolves after the first attempt; a second call does nothing. */
  async begin(): Promise<void> {
    if (this.#state !== "wanted") return;
    this.#state = "begun";
    await this.#attempt();
  }

  async #attempt(): Promise<void> {
    const { install, log } = this.#deps;
    try {
      const line = await install();
      this.#tell(undefined);
      log.info(line);
    } catch (failure) {
      const problem = `the CNI plugin is not installed, the agent goes on trying: ${messageOf(failure)}`;
      if (problem !== this.#problem) log.error("the CNI plugin is not installed, will be tried again", {}, failure);
      this.#tell(problem);
      this.#retry();
    }
  }

  #retry(): void {
    if (this.#state === "closed") return;
    this.#timer = this.#deps.clock.after(this.#delayMs, () => void this.#attempt());
    this.#delayMs = Math.min(this.#delayMs * 2, LAST_RETRY_MS);
  }

  #tell(problem: string | undefined): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    this.#deps.changed();
  }

  close(): void {
    this.#state = "closed";
    this.#timer?.cancel();
  }
}
