/** Time of the real world. */
import { performance } from "node:perf_hooks";
import { setImmediate } from "node:timers/promises";
import type { Clock, Millis, Timer, WallClock } from "../port/clock.ts";

export class SystemClock implements Clock {
  now(): Millis {
    return performance.now();
  }

  after(delayMs: Millis, fire: () => void): Timer {
    const timer = setTimeout(fire, Math.max(delayMs, 0));
    return { cancel: () => clearTimeout(timer) };
  }

  cpuMicros(): number {
    const { user, system } = process.threadCpuUsage();
    return user + system;
  }

  async yield(): Promise<void> {
    await setImmediate();
  }
}

export class SystemWallClock implements WallClock {
  now(): Date {
    return new Date();
  }
}
