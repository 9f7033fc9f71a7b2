/** Words of BIRD 2's configuration language (`conf/cf-lex.l`: symbols, strings, comments). */
import { CodedError } from "../../base/errors.ts";

/** BIRD has no way to write it. */
export class BirdTextError extends CodedError<"unwritable", { readonly text: string }> {}

const SYMBOL_CHARACTERS = 64;

/** The name of a session as a symbol. Quotes allow dots and colons; keywords, which are words of small letters, need another name. */
export function symbol(name: string): string {
  const text = /^[a-z_]+$/.test(name) ? `${name}_session` : name;
  return `'${text.replaceAll(/[^a-zA-Z0-9_.:-]/g, "_").slice(0, SYMBOL_CHARACTERS)}'`;
}

/** Throws BirdTextError: strings end at the next quote, and nothing escapes one. `what` is said in place of a secret. */
export function quoted(text: string, what = text): string {
  if (/["\n\r]/.test(text))
    throw new BirdTextError("unwritable", `BIRD cannot write ${what}: it holds a quote or a line break`, {
      text: what,
    });
  return `"${text}"`;
}

export const comment = (text: string): string => `# ${text.replaceAll(/\s+/g, " ")}`;

export const indented = (lines: readonly string[], by = "  "): readonly string[] =>
  lines.map((line) => (line === "" ? line : `${by}${line}`));

export const block = (head: string, lines: readonly string[], end = "}"): readonly string[] => [
  `${head} {`,
  ...indented(lines),
  end,
];
