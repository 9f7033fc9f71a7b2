/**
 * Whether SQLite's write-ahead log is damaged, or only torn by the end of a process or of the power. SQLite itself reads it up to the
 * first frame whose checksum is wrong and takes all behind it for never written, acknowledged changes among it.
 *
 * They can be told apart since at most one transaction is ever not synced (`SqliteLog`): behind a torn frame there is one commit
 * at most, which nobody was answered for. https://www.sqlite.org/fileformat2.html#walformat
 */
import fs from "node:fs";

const HEADER_OCTETS = 32;
const FRAME_HEADER_OCTETS = 24;
/** What a checksum covers: of the log's header, of a frame's. */
const SUMMED = { header: 24, frame: 8 } as const;
/** The lowest bit says that checksums are of words in network order. */
const MAGIC = 0x377f0682;
const SMALLEST_PAGE = 512;
const LARGEST_PAGE = 65_536;

type Sum = readonly [number, number];

/** The first octet that cannot be trusted and behind which there is more than one commit; undefined: none, or no log. */
export function damageAt(file: string): number | undefined {
  const descriptor = openSync(file);
  if (descriptor === undefined) return undefined;
  try {
    return damageIn(descriptor, fs.fstatSync(descriptor).size);
  } finally {
    fs.closeSync(descriptor);
  }
}

function openSync(file: string): number | undefined {
  try {
    return fs.openSync(file, "r");
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw failure;
  }
}

function damageIn(descriptor: number, size: number): number | undefined {
  const header = viewOf(HEADER_OCTETS);
  if (size <= HEADER_OCTETS || !read(descriptor, header, 0)) return undefined;
  const page = header.getUint32(8);
  const isLittle = (header.getUint32(0) & 1) === 0;
  let sum = sumOf(header, 0, SUMMED.header, [0, 0], isLittle);
  const isHeaderWhole =
    (header.getUint32(0) & ~1) === MAGIC &&
    page >= SMALLEST_PAGE &&
    page <= LARGEST_PAGE &&
    isSum(header, SUMMED.header, sum);
  // It is synced before the first frame is written.
  if (!isHeaderWhole) return 0;
  const frame = viewOf(FRAME_HEADER_OCTETS + page);
  let bad: number | undefined;
  let commits = 0;
  for (let at = HEADER_OCTETS; at + frame.byteLength <= size; at += frame.byteLength) {
    if (!read(descriptor, frame, at)) break;
    const isOfThisLog = frame.getUint32(8) === header.getUint32(16) && frame.getUint32(12) === header.getUint32(20);
    if (bad === undefined) {
      const summed = sumOf(frame, 0, SUMMED.frame, sum, isLittle);
      sum = sumOf(frame, FRAME_HEADER_OCTETS, frame.byteLength, summed, isLittle);
      if (isOfThisLog && isSum(frame, 16, sum)) continue;
      bad = at;
    }
    // Frames of a log before this one have other salts; the last frame of a transaction names the size of the file.
    if (isOfThisLog && frame.getUint32(4) !== 0 && ++commits > 1) return bad;
  }
  return undefined;
}

const viewOf = (octets: number): DataView => new DataView(new ArrayBuffer(octets));

const read = (descriptor: number, into: DataView, at: number): boolean =>
  fs.readSync(descriptor, into, 0, into.byteLength, at) === into.byteLength;

const isSum = (view: DataView, at: number, [first, second]: Sum): boolean =>
  view.getUint32(at) === first && view.getUint32(at + 4) === second;

/** Goes on from a sum, over pairs of words between two offsets. */
function sumOf(view: DataView, from: number, to: number, [before0, before1]: Sum, isLittle: boolean): Sum {
  let first = before0;
  let second = before1;
  for (let at = from; at < to; at += 8) {
    first = (first + view.getUint32(at, isLittle) + second) >>> 0;
    second = (second + view.getUint32(at + 4, isLittle) + first) >>> 0;
  }
  return [first, second];
}
