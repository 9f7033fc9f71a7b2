/** `/etc/calico/felix.cfg`: an INI file whose sections do not matter, as Felix reads it. */

export interface FelixFile {
  /** In the order of the file; a later line wins. */
  readonly entries: readonly (readonly [key: string, value: string])[];
  /** Numbers of the lines that are neither a section, a comment nor `key = value`, counted from 1. */
  readonly badLines: readonly number[];
}

export function parseFelixFile(text: string): FelixFile {
  const entries: (readonly [string, string])[] = [];
  const badLines: number[] = [];
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim();
    if (line === "" || /^[#;]/.test(line) || /^\[[^\]]*\]$/.test(line)) continue;
    const match = /^([^=:\s]+)\s*[=:]\s*(.*)$/.exec(line);
    if (match) entries.push([match[1] ?? "", unquote(match[2] ?? "")]);
    else badLines.push(index + 1);
  }
  return { entries, badLines };
}

const unquote = (value: string): string => /^(["'])(.*)\1$/.exec(value)?.[2] ?? value;
