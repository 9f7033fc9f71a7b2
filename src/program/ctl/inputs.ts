/** What `-f` names: a file, a folder of manifests, or standard input. */
import { isUtf8 } from "node:buffer";
import fs from "node:fs";
import path from "node:path";
import { buffer } from "node:stream/consumers";
import { CodedError } from "../../base/errors.ts";
import type { InputText, InputTexts } from "../../ctl/verbs/targets.ts";
import type { ProcessHost } from "../process-host.ts";

/** `unreadable`: a file that cannot be read, in the system's words. `encoding`: a text that is not UTF-8. */
export class FileError extends CodedError<"unreadable" | "encoding", { path: string }> {}

const MANIFEST = /\.(ya?ml|json)$/i;

/** Throws FileError. In a folder, files with the endings .yaml, .yml and .json count, in the order of their names. */
export async function readInputs(host: ProcessHost, filename: string, isRecursive: boolean): Promise<InputTexts> {
  if (filename === "-") return { texts: [inputText("standard input", await buffer(host.stdin))] };
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
  return inputText(
    name,
    attempt(name, () => fs.readFileSync(file)),
  );
}

/** Decoding would put U+FFFD in the place of what is not UTF-8, and that would be stored. Throws FileError. */
function inputText(name: string, octets: Buffer): InputText {
  const text = attempt(name, () => octets.toString("utf8"));
  if (isUtf8(octets)) return { name, text };
  const again = Buffer.from(text);
  const at = octets.findIndex((octet, index) => octet !== again[index]);
  const line = octets.toString("utf8", 0, at).split("\n").length;
  const found = `0x${octets[at]?.toString(16).padStart(2, "0")}`;
  throw new FileError(
    "encoding",
    `${name}, line ${line}: the text is not UTF-8 (octet ${found}); save it as UTF-8`,
    { path: name },
    {},
  );
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
