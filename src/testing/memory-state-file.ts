/** A state file in memory, with the chunks joined. */
import type { StateFile } from "../port/state-file.ts";

export class MemoryStateFile implements StateFile {
  readonly path = "/var/lib/calico/ocicat-applied.jsonl";
  text: string | undefined;

  read(): string | undefined {
    return this.text;
  }

  async replace(chunks: Iterable<string>): Promise<void> {
    this.text = [...chunks].join("");
  }
}
