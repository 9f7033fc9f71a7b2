/** Runs commands in-process against a store in memory, as a user would type them. */
import { Readable, Writable } from "node:stream";
import type { JsonObject } from "../base/json.ts";
import type { Clock } from "../port/clock.ts";
import type { ObjectKey } from "../port/store.ts";
import { commands } from "../program/commands.ts";
import type { World } from "../program/ctl/session.ts";
import { type WriteVerb, writeProgram } from "../program/ctl/write.ts";
import type { ProcessHost } from "../program/process-host.ts";
import { run } from "../program/run.ts";
import { MemoryStore } from "./memory-store.ts";

export interface Result {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Timers fire with the next turn: nobody waits in tests. */
const hastyClock: Clock = {
  now: () => 0,
  after: (_delayMs, fire) => {
    const immediate = setImmediate(fire);
    return { cancel: () => clearImmediate(immediate) };
  },
  cpuMicros: () => 0,
  yield: () => Promise.resolve(),
};

export class CommandRunner {
  readonly store = new MemoryStore();
  readonly cwd: string;

  constructor(cwd = "/") {
    this.cwd = cwd;
  }

  /** `ocicat ARGS…` with this standard input. */
  async ocicat(args: readonly string[], stdin = ""): Promise<Result> {
    const texts = { out: "", err: "" };
    const sink = (name: "out" | "err") =>
      new Writable({
        write(chunk, _encoding, done) {
          texts[name] += String(chunk);
          done();
        },
      });
    const host: ProcessHost = {
      env: {},
      cwd: this.cwd,
      stdin: Readable.from([stdin]),
      stdout: sink("out"),
      stderr: sink("err"),
      onSignal: () => {},
    };
    const world: World = { open: async () => this.store.client(), clock: hastyClock };
    const table = commands.map((command) => ({ ...command, load: () => this.#load(command.name, world) }));
    const code = await run(args, host, table);
    return { code, ...texts };
  }

  async #load(name: string, world: World) {
    const verbs: readonly string[] = ["apply", "create", "replace", "validate"];
    if (verbs.includes(name)) return writeProgram(name as WriteVerb, world);
    const program = (await import(`../program/ctl/${name}.ts`)) as {
      main(args: readonly string[], host: ProcessHost, world: World): Promise<number>;
    };
    return { main: (args: readonly string[], host: ProcessHost) => program.main(args, host, world) };
  }

  /** What the store holds. */
  async stored(kind: string, name: string, namespace?: string): Promise<JsonObject | undefined> {
    const key: ObjectKey = namespace === undefined ? { kind, name } : { kind, namespace, name };
    return (await this.store.get(key))?.value;
  }
}
