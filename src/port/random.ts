/** Chance, where the world demands it. */
export interface Random {
  /** A new RFC 9562 version 4 UUID in lower case, with dashes. */
  uuid(): string;
  /** A number of 64 bits, all equally likely. */
  uint64(): bigint;
  /** Anything from 0 up to, but not, 1; every part of it as likely. */
  fraction(): number;
}
