/** What keeps BGP sessions from being, as compile and the speaker's configuration say it; each is logged when it is new. */
import type { CompileKey } from "../../compile/keys.ts";
import type { Log } from "../../port/log.ts";

export class BgpNotes {
  readonly #log: Log;
  readonly #compiled = new Map<CompileKey, readonly string[]>();
  #configured: readonly string[] = [];
  #logged: ReadonlySet<string> = new Set();

  constructor(log: Log) {
    this.#log = log;
  }

  /** What the key reports from now on. */
  compiled(key: CompileKey, reports: readonly string[] = []): void {
    if (!key.startsWith("bgp")) return;
    if (reports.length > 0) this.#compiled.set(key, reports);
    else this.#compiled.delete(key);
  }

  configured(reports: readonly string[]): void {
    this.#configured = reports;
  }

  get lines(): readonly string[] {
    return [...new Set([...[...this.#compiled.values()].flat(), ...this.#configured])].sort();
  }

  /** Once all that belongs together is known. */
  settled(): void {
    const lines = new Set(this.lines);
    for (const line of lines) if (!this.#logged.has(line)) this.#log.warn(line);
    this.#logged = lines;
  }
}
