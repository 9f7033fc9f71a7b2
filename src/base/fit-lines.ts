/** Lines that fit a terminal: painted text counts by what is seen of it. */
import { stripVTControlCharacters } from "node:util";

const widthOf = (text: string): number => [...stripVTControlCharacters(text)].length;

/** A line of words as lines of at most `columns`; what is seen of a word is never cut. */
export function wrapLine(line: string, columns: number): readonly string[] {
  const lines: string[] = [];
  let current = "";
  for (const [index, word] of line.split(" ").entries()) {
    const longer = index === 0 ? word : `${current} ${word}`;
    if (current.trim() !== "" && widthOf(longer) > columns) {
      lines.push(current);
      current = word;
    } else current = longer;
  }
  return [...lines, current];
}

/** A line of a table, cut at `columns` with an ellipsis; colours go with the cut. */
export function cutLine(line: string, columns: number): string {
  return widthOf(line) <= columns
    ? line
    : `${[...stripVTControlCharacters(line)].slice(0, Math.max(columns - 1, 0)).join("")}…`;
}
