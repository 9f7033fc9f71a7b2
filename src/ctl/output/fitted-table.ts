/**
 * Tables as wide as a terminal. Where one is too wide its long cells are broken between words, and columns for which even
 * that leaves no room go below each row, on lines of their own.
 */
import { wrapLine } from "../../base/fit-lines.ts";
import { boxedTable, leftAligned, paddedTable, paddedWidth, widthOf } from "./table.ts";

export interface Column<T> {
  readonly heading: string;
  readonly cell: (row: T) => string;
  /** Shown by `-o wide` alone, and the first to go below. */
  readonly isWide?: true;
}

/** How a table is asked for. */
export interface Shown {
  readonly isWide?: boolean;
  /** The columns of the terminal; left out: as wide as it gets. */
  readonly room?: number | undefined;
}

interface Style {
  readonly draw: (headings: readonly string[], rows: readonly (readonly string[])[]) => string;
  /** Lines before the first row. */
  readonly headLines: number;
  /** Of a line, of the widths of its columns. */
  readonly lineWidth: (widths: readonly number[]) => number;
}

export const padded: Style = {
  draw: (headings, rows) => paddedTable([headings, ...rows]).replaceAll(/ +$/gm, ""),
  headLines: 1,
  lineWidth: (widths) => sum(widths.slice(0, -1).map(paddedWidth)) + (widths.at(-1) ?? 0),
};

export const boxed: Style = {
  draw: (headings, rows) => boxedTable(headings, rows, leftAligned),
  headLines: 3,
  lineWidth: (widths) => sum(widths.map((width) => width + 3)) + 1,
};

/** Without `room` as `style` draws it. */
export function fittedTable<T>(
  style: Style,
  all: readonly Column<T>[],
  rows: readonly T[],
  { isWide = false, room }: Shown,
): string {
  const columns = all.filter((column) => isWide || !column.isWide);
  if (room !== undefined) return fitted(style, columns, rows, room);
  const texts = rows.map((row) => columns.map(({ cell }) => cell(row)));
  return style.draw(headingsOf(columns), texts);
}

function fitted<T>(style: Style, columns: readonly Column<T>[], rows: readonly T[], room: number): string {
  const all = columns.map((column) => measured(column, rows));
  const shown = withRoom(all, room, style);
  const below = all.filter((column) => !shown.includes(column));
  const widths = narrowed(shown, room, style);
  const blocks = rows.map((_, row) =>
    broken(shown.map(({ texts }, at) => wrapLine(texts[row] ?? "", widths[at] ?? 0))),
  );
  const drawn = style.draw(headingsOf(shown), blocks.flat()).split("\n");
  const lines = drawn.slice(0, style.headLines);
  let at = style.headLines;
  for (const [row, { length }] of blocks.entries()) {
    lines.push(...drawn.slice(at, at + length), ...linesBelow(below, row, room));
    at += length;
  }
  return [...lines, ...drawn.slice(at)].join("\n");
}

const headingsOf = (columns: readonly { readonly heading: string }[]): readonly string[] =>
  columns.map(({ heading }) => heading);

interface Measured {
  readonly heading: string;
  readonly isWide: boolean;
  /** The cells, row by row. */
  readonly texts: readonly string[];
  readonly width: number;
  /** With long cells broken; the heading and words stay whole. */
  readonly leastWidth: number;
}

/** In less a broken cell would be hard to read. */
const READABLE_WIDTH = 20;

function measured<T>({ heading, cell, isWide }: Column<T>, rows: readonly T[]): Measured {
  const texts = rows.map(cell);
  const width = widest([heading, ...texts]);
  const unbroken = widest([heading, ...texts.flatMap((text) => text.split(" "))]);
  return {
    heading,
    isWide: isWide === true,
    texts,
    width,
    leastWidth: Math.max(unbroken, Math.min(width, READABLE_WIDTH)),
  };
}

const widest = (texts: readonly string[]): number => texts.reduce((most, text) => Math.max(most, widthOf(text)), 0);

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

/** The columns that have room beside each other: wide ones are given up first, then the last. */
function withRoom(columns: readonly Measured[], room: number, style: Style): readonly Measured[] {
  if (columns.length === 1 || style.lineWidth(columns.map(({ leastWidth }) => leastWidth)) <= room) return columns;
  const given = columns.findLast(({ isWide }) => isWide) ?? columns.at(-1);
  return withRoom(
    columns.filter((column) => column !== given),
    room,
    style,
  );
}

/** The widths in so much room: the widest columns give way. */
function narrowed(columns: readonly Measured[], room: number, { lineWidth }: Style): readonly number[] {
  const capped = (cap: number) => columns.map(({ width, leastWidth }) => Math.min(width, Math.max(leastWidth, cap)));
  let cap = Math.max(...columns.map(({ width }) => width));
  while (cap > 0 && lineWidth(capped(cap)) > room) cap--;
  return capped(cap);
}

/** Rows of a table for the lines of the cells of one. */
const broken = (cells: readonly (readonly string[])[]): readonly (readonly string[])[] =>
  Array.from({ length: Math.max(...cells.map(({ length }) => length)) }, (_, line) =>
    cells.map((lines) => lines[line] ?? ""),
  );

const INDENT = "   ";
const NO_BREAK_SPACE = "\u00a0";

/** What a row has in the columns that went below; headings stay with the beginning of their cells. */
function linesBelow(columns: readonly Measured[], row: number, room: number): readonly string[] {
  const said = columns.flatMap(({ heading, texts }) =>
    texts[row] ? [`${`${heading}: `.replaceAll(" ", NO_BREAK_SPACE)}${texts[row]}`] : [],
  );
  if (said.length === 0) return [];
  const lines = wrapLine(said.join("; "), room - INDENT.length);
  return lines.map((line) => `${INDENT}${line.replaceAll(NO_BREAK_SPACE, " ")}`);
}
