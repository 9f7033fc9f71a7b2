/** What to write instead, by what the YAML parser (js-yaml 5) says is wrong. */

const remedies: readonly (readonly [reason: RegExp, remedy: string])[] = [
  [/^duplicated mapping key/, "keep one of the two"],
  [/flow collection entries/, "put a comma between the two"],
  [/within a flow collection/, "close every { and ["],
  [/within a (single|double) quoted scalar/, "close the quotation mark"],
  [/escape sequence|hexadecimal character/, "write \\\\ for a backslash, or put the text in single quotes"],
  [/tag/, "leave the tag out: no field needs one"],
  [/null byte|non-printable/, "this is no text: name a file of YAML or JSON"],
  [/maxDepth/, "no object is so deep: close every { and [ where it ends"],
  [/cannot merge mappings/, "give << an object, or leave it out"],
  [/YAML version|directive/, "leave the line with % out"],
  [
    /indentation|mapping entry|separator is expected/,
    "check the indentation of this line and of the one before, and that a space follows each colon",
  ],
];

/** The line that the parser stopped in, before and after the place. Undefined where nothing is known. */
export function syntaxRemedy(reason: string, [before, rest]: readonly [string, string]): string | undefined {
  if (/^ *\t/.test(`${before}${rest}`)) return "indent with spaces, YAML takes no tabs";
  const isMapping = /mapping entry/.test(reason);
  if (isMapping && /^[@`%]/.test(rest)) return `put a value that begins with ${rest[0]} in quotes`;
  if (isMapping && /:\s/.test(before) && /^\s*:(\s|$)/.test(rest))
    return "put a value that has a colon in it in quotes";
  return remedies.find(([pattern]) => pattern.test(reason))?.[1];
}
