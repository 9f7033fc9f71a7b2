/**
 * Regular expressions as Calico's users write them, for Go (pkg.go.dev/regexp/syntax): what JavaScript writes otherwise is
 * rewritten, so that nothing is silently read as something else.
 *
 *     (?i)eth[[:digit:]]+\z   ─▶   /eth[0-9]+(?![\s\S])/i
 */

/** ASCII character classes, as they stand between brackets. */
const classes: Readonly<Record<string, string>> = {
  alnum: "0-9A-Za-z",
  alpha: "A-Za-z",
  ascii: "\\x00-\\x7f",
  blank: "\\t ",
  cntrl: "\\x00-\\x1f\\x7f",
  digit: "0-9",
  graph: "!-~",
  lower: "a-z",
  print: " -~",
  punct: "!-\\/:-@\\[-`{-~",
  space: "\\t-\\r ",
  upper: "A-Z",
  word: "0-9A-Za-z_",
  xdigit: "0-9A-Fa-f",
};

/** Flags at the beginning; `U` turns greed round, which does not change what matches. */
const FLAGS = /^\(\?([imsU]+)\)/;
/** An escape, a named class, a class's beginning with what may be its first member, a named group's beginning, any other character. */
const TOKEN = /\\[\s\S]|\[:\^?\w*:\]|\[\^?\]?|\(\?P<|[\s\S]/g;

const beyondClasses: Readonly<Record<string, string>> = {
  "\\A": "(?<![\\s\\S])",
  "\\z": "(?![\\s\\S])",
  "(?P<": "(?<",
};

/** Throws SyntaxError. */
export function goPattern(source: string): RegExp {
  const [head = "", flags = ""] = FLAGS.exec(source) ?? [];
  let isInClass = false;
  let text = "";
  for (const [token] of source.slice(head.length).matchAll(TOKEN)) {
    if (isInClass) {
      text += inClass(token);
      isInClass = token !== "]";
    } else {
      text += beyondClasses[token] ?? token.replace(/^(\[\^?)\]$/, "$1\\]");
      isInClass = /^\[\^?\]?$/.test(token);
    }
  }
  return new RegExp(text, [...new Set(flags.replaceAll("U", ""))].join(""));
}

function inClass(token: string): string {
  const name = /^\[:(.*):\]$/.exec(token)?.[1];
  if (name === undefined) return token;
  const members = classes[name];
  if (members === undefined) throw new SyntaxError(`Invalid regular expression: there is no class '${token}'`);
  return members;
}
