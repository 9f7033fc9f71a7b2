/** Files put in place without a moment in which they are half written: a neighbour is written, then renamed. */
import fs from "node:fs";
import path from "node:path";

export interface WantedFile {
  readonly path: string;
  readonly content: Uint8Array;
  /** Permission bits. */
  readonly mode: number;
}

export type FileOutcome = "written" | "unchanged";

/** Writes the file unless it is there with this content and mode. Throws the system's error. */
export function putFile({ path: file, content, mode }: WantedFile): FileOutcome {
  const known = fs.statSync(file, { throwIfNoEntry: false });
  if (known?.isFile() && (known.mode & 0o7777) === mode && known.size === content.length) {
    if (fs.readFileSync(file).equals(content)) return "unchanged";
  }
  fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o755 });
  const next = `${file}.tmp`;
  const fd = fs.openSync(next, "w", mode);
  try {
    fs.writeSync(fd, content);
    fs.fchmodSync(fd, mode);
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
  fs.renameSync(next, file);
  return "written";
}

/** The content of the first of these files that exists, undefined when none does. */
export function firstFile(paths: readonly string[]): Uint8Array | undefined {
  const found = paths.find((file) => fs.statSync(file, { throwIfNoEntry: false })?.isFile());
  return found === undefined ? undefined : fs.readFileSync(found);
}

export const exists = (file: string): boolean => fs.existsSync(file);
export const removeFile = (file: string): void => fs.rmSync(file, { force: true });
