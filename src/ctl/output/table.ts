/** Tables as Go's text/tabwriter lays them out, and boxes as olekukonko's tablewriter draws them. */

const MIN_WIDTH = 5;
const PADDING = 3;

export const widthOf = (text: string): number => [...text].length;

/** Of a column of such cells, with what sets the next one off. */
export const paddedWidth = (width: number): number => Math.max(MIN_WIDTH, width + PADDING);

/** Padded columns: at least 5 wide, 3 blanks apart, the last one padded too, as every cell ends in a tab. */
export function paddedTable(rows: readonly (readonly string[])[]): string {
  const widths = columnWidths(rows).map(paddedWidth);
  return rows.map((row) => `${row.map((cell, column) => pad(cell, widths[column] ?? 0)).join("")}\n`).join("");
}

function columnWidths(rows: readonly (readonly string[])[]): number[] {
  // No spread: a table may have more rows than a call has arguments.
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, widthOf(cell));
  }
  return widths;
}

const pad = (text: string, width: number): string => text + " ".repeat(Math.max(0, width - widthOf(text)));

const NUMBER = /^-?\d*\.?\d+$/;

type Align = (text: string, width: number) => string;

/** As tablewriter does unless it is told otherwise. */
const numbersRight: Align = (text, width) => (NUMBER.test(text) ? text.padStart(width) : pad(text, width));

export const leftAligned: Align = pad;

/** A box of `+-|`: headings centred, numbers to the right, other cells to the left. */
export function boxedTable(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  aligned = numbersRight,
): string {
  const widths = columnWidths([headings, ...rows]);
  const rule = `+${widths.map((width) => "-".repeat(width + 2)).join("+")}+\n`;
  const line = (cells: readonly string[], align: Align): string =>
    `|${widths.map((width, column) => ` ${align(cells[column] ?? "", width)} `).join("|")}|\n`;
  const body = rows.map((row) => line(row, aligned));
  return [rule, line(headings, centred), rule, ...body, rule].join("");
}

function centred(text: string, width: number): string {
  const left = Math.floor((width - widthOf(text)) / 2);
  return pad(" ".repeat(Math.max(0, left)) + text, width);
}
