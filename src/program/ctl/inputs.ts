/** What `-f` names: a file, a folder of manifests, or standard input. */
import fs from "node:fs";
import path from "node:path";
import { text } from "node:stream/consumers";
import { CodedError } from "../../base/errors.ts";
import type { InputText, InputTexts } from "../../ctl/verbs/targets.ts";
import type { ProcessHost } from "../process-host.ts";

/** A file that cannot be read, in the system's words. */
export class FileError extends CodedError<"unreadable", { path: string }> {}

const MANIFEST = /\.(ya?ml|json)$/i;

/** Throws FileError. In a folder, files with the endings .yaml, .yml and .json count, in the order of their names. */
export async function readInputs(host: ProcessHost, filename: string, isRecursive: boolean): Promise<InputTexts> {
  if (filename === "-") return { texts: [{ name: "standard input", text: await text(host.stdin) }] };
  const whole = path.resolve(host.cwd, filename);
  const status = attempt(filename, () => fs.statSync(whole));
  if (!status.isDirectory()) return { texts: [readText(whole, filename)] };
  const files = attempt(filename, () => manifests(whole, isRecursive));
  return {
    texts: files.map((file) => readText(file, path.join(filename, path.relative(whole, file)))),
    folder: filename,
  };
}

function readText(file: string, name: string): InputText {
  return { name, text: attempt(name, () => fs.readFileSync(file, "utf8")) };
}

function manifests(folder: string, isRecursive: boolean): string[] {
  const entries = fs.readdirSync(folder, { withFileTypes: true });
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => {
    const whole = path.join(folder, entry.name);
    if (entry.isDirectory()) return isRecursive ? manifests(whole, isRecursive) : [];
    return MANIFEST.test(entry.name) ? [whole] : [];
  });
}

function attempt<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const why = code === "ENOENT" ? "no such file or directory" : code === "EACCES" ? "permission denied" : message;
    throw new FileError("unreadable", `open ${name}: ${why}`, { path: name }, {});
  }
}
