/**
 * A state file as lines of JSON that tell whether they are whole:
 *
 *   {"format":…, …}      one header
 *   …                    one line an item
 *   {"items":N}          the end, with how many they are, under a name of the format's
 */
import { CodedError, messageOf } from "./errors.ts";
import { formatJson, parseJson } from "./json.ts";

/** Lines per chunk: a chunk is written, and other work gets its turn, between them. */
const CHUNK = 500;

export interface LinesFormat {
  /** With its version. */
  readonly format: string;
  /** The name of the number at the end. */
  readonly counted: string;
}

export class UnreadableLinesError extends CodedError<"unreadable", { path: string }> {}

/** The text in chunks that end with whole lines. */
export function* encodeLines(
  { format, counted }: LinesFormat,
  header: object,
  items: Iterable<unknown>,
): Generator<string> {
  let lines = [formatJson({ format, ...header })];
  let count = 0;
  for (const item of items) {
    lines.push(formatJson(item));
    count++;
    if (lines.length < CHUNK) continue;
    yield `${lines.join("\n")}\n`;
    lines = [];
  }
  lines.push(formatJson({ [counted]: count }));
  yield `${lines.join("\n")}\n`;
}

/**
 * What `read` makes of the header and the items, each as `revive` gives it; undefined from `read`: something is missing.
 * Throws UnreadableLinesError for anything that was not written whole in this format.
 */
export function decodeLines<T>(
  { format, counted }: LinesFormat,
  { text, path }: { readonly text: string; readonly path: string },
  revive: (value: unknown) => unknown,
  read: (header: unknown, items: readonly unknown[]) => T | undefined,
): T {
  try {
    const [header, ...items] = text
      .trimEnd()
      .split("\n")
      .map((line) => revive(parseJson(line)));
    const found = (header as { format?: unknown }).format;
    if (found !== format) throw new Error(`its format is ${String(found)}, not ${format}`);
    const end = items.pop() as { readonly [name: string]: unknown } | undefined;
    const whole = end?.[counted] === items.length ? read(header, items) : undefined;
    if (whole === undefined) throw new Error("it is not whole");
    return whole;
  } catch (failure) {
    const message = `${path} cannot be used (${messageOf(failure)}) and is ignored`;
    throw new UnreadableLinesError("unreadable", message, { path }, { cause: failure });
  }
}
