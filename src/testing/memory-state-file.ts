/** A state file in memory, with the chunks joined. Counts how often it was replaced, and fails on demand. */
import type { StateFile } from "../port/state-file.ts";

export class MemoryStateFile implements StateFile {
  readonly path = "/var/lib/calico/ocicat-applied.jsonl";
  text: string | undefined;
  replaced = 0;
  /** What the next replacements throw. */
  failure: Error | undefined;

  read(): string | undefined {
    return this.text;
  }

  async replace(chunks: Iterable<string>): Promise<void> {
    if (this.failure) throw this.failure;
    this.text = [...chunks].join("");
    this.replaced++;
  }
}
