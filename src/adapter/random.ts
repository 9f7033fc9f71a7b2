/** Chance from the system's generator. */
import { randomUUID } from "node:crypto";
import type { Random } from "../port/random.ts";

export class SystemRandom implements Random {
  uuid(): string {
    return randomUUID();
  }
}
