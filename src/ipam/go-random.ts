/**
 * Go's seeded `math/rand` source and `big.Int.Rand` over it, figure for figure: Calico draws a host's start in a pool
 * with them, and every block number in its documents follows. An additive lagged Fibonacci generator (607, 273) over
 * 64-bit words. Not for secrets.
 */
import { GO_RANDOM_TABLE } from "./go-random-table.ts";

const LENGTH = 607;
const TAP = 273;
const INT32_MAX = 2147483647;
/** What stands for a seed of 0, which the generator of the seeding step cannot leave. */
const ZERO_SEED = 89482311;

/** x → 48271·x mod 2^31−1 by Schrage's method: no product exceeds 2^31. */
function seedStep(x: number): number {
  const next = 48271 * (x % 44488) - 3399 * Math.floor(x / 44488);
  return next < 0 ? next + INT32_MAX : next;
}

export class GoRandom {
  readonly #words: BigUint64Array;
  #tap = 0;
  #feed = LENGTH - TAP;

  /** The source that Go's `rand.NewSource(seed)` makes; any integer. */
  constructor(seed: bigint) {
    const table = Buffer.from(GO_RANDOM_TABLE, "base64");
    const reduced = Number(seed % BigInt(INT32_MAX));
    let x = reduced < 0 ? reduced + INT32_MAX : reduced;
    if (x === 0) x = ZERO_SEED;
    for (let skipped = 0; skipped < 20; skipped++) x = seedStep(x);
    this.#words = BigUint64Array.from({ length: LENGTH }, (_, index) => {
      x = seedStep(x);
      let word = BigInt(x) << 40n;
      x = seedStep(x);
      word ^= BigInt(x) << 20n;
      x = seedStep(x);
      return word ^ BigInt(x) ^ table.readBigUInt64BE(index * 8);
    });
  }

  /** The next 64 bits. */
  #next(): bigint {
    this.#tap = (this.#tap + LENGTH - 1) % LENGTH;
    this.#feed = (this.#feed + LENGTH - 1) % LENGTH;
    const word = BigInt.asUintN(64, (this.#words[this.#feed] ?? 0n) + (this.#words[this.#tap] ?? 0n));
    this.#words[this.#feed] = word;
    return word;
  }

  /** Go's `Uint32`: bits 31 … 62. */
  uint32(): bigint {
    return BigInt.asUintN(63, this.#next()) >> 31n;
  }

  /** `big.Int.Rand`: uniform in [0, limit), drawn in 64-bit words under a mask until it is below. `limit` is above 0. */
  below(limit: bigint): bigint {
    const bits = limit.toString(2).length;
    const words = Math.ceil(bits / 64);
    for (;;) {
      let value = 0n;
      for (let word = 0; word < words; word++) {
        value |= (this.uint32() | (this.uint32() << 32n)) << BigInt(64 * word);
      }
      value = BigInt.asUintN(bits, value);
      if (value < limit) return value;
    }
  }
}
