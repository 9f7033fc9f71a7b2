/** A command of a scenario that goes on while others are typed: a capture, a stream of packets. */
import assert from "node:assert/strict";
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { eventually } from "./eventually.ts";

export class Running {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<unknown>;
  #stdout = "";
  #stderr = "";

  private constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    this.#ended = once(child, "close");
    child.stdout.on("data", (chunk) => {
      this.#stdout += chunk;
    });
    child.stderr.on("data", (chunk) => {
      this.#stderr += chunk;
    });
  }

  static start(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Running {
    return new Running(spawn(command, args, { stdio: "pipe", env }));
  }

  /** Waits until it has said something on either output. */
  async says(pattern: RegExp, deadlineMs = 20_000): Promise<void> {
    await eventually(() => assert.match(this.#stdout + this.#stderr, pattern), deadlineMs);
  }

  get stdout(): string {
    return this.#stdout;
  }

  /** Closes its standard input, or sends the signal, and waits for its end; what it printed. */
  async end(signal?: NodeJS.Signals): Promise<string> {
    if (signal === undefined) this.#child.stdin.end();
    else this.#child.kill(signal);
    await this.#ended;
    return this.#stdout;
  }
}
