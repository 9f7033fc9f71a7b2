/**
 * Ranges of keys as etcd asks for them. Keys are octet texts, which compare as their octets do:
 *
 *   range_end          the range
 *   empty              the key alone
 *   one octet, 0       the key and everything after it
 *   anything else      from the key up to, and without, the end
 */

export interface KeyRange {
  readonly begin: string;
  /** Excluded; undefined: everything from `begin` on. */
  readonly end: string | undefined;
}

const NO_END = "\0";

export function keyRange(key: string, rangeEnd: string): KeyRange {
  if (rangeEnd === "") return { begin: key, end: `${key}\0` };
  return { begin: key, end: rangeEnd === NO_END ? undefined : rangeEnd };
}

/** The key that a range consists of; undefined for ranges of several. */
export const singleKey = ({ begin, end }: KeyRange): string | undefined => (end === `${begin}\0` ? begin : undefined);

/** The prefix that all keys of the range share, and that no key outside has; undefined when there is none. */
export function prefixOf({ begin, end }: KeyRange): string | undefined {
  if (end === undefined) return /^\0?$/.test(begin) ? "" : undefined;
  const last = end.length - 1;
  const isPrefix =
    last >= 0 &&
    begin.startsWith(end.slice(0, last)) &&
    begin.charCodeAt(last) + 1 === end.charCodeAt(last) &&
    /^\u00ff*$/.test(begin.slice(last + 1));
  return isPrefix ? begin : undefined;
}

export const contains = ({ begin, end }: KeyRange, key: string): boolean =>
  key >= begin && (end === undefined || key < end);
