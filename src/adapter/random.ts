/** Chance from the system's generator. */
import { randomBytes, randomUUID } from "node:crypto";
import type { Random } from "../port/random.ts";

export class SystemRandom implements Random {
  uuid(): string {
    return randomUUID();
  }

  uint64(): bigint {
    return randomBytes(8).readBigUInt64BE();
  }

  fraction(): number {
    return Math.random();
  }
}
