/**
 * Whether the kernel has no place for neighbours. Of those that it learns it keeps `gc_thresh3` for all namespaces together;
 * packets to one more are dropped, and nobody is told: sessions time out, tunnels lose what they carry.
 */

import type { NeighbourTable } from "../netlink/rtnetlink/neighbour-table.ts";
import type { Clock, Millis, Timer } from "../port/clock.ts";
import type { Log } from "../port/log.ts";
import { KernelError } from "../port/netlink.ts";

/** Between two looks that are nobody's wish. */
const LOOK_MS: Millis = 60_000;
/** Times the limit that did not do. */
const ROOM = 4;

interface Look {
  readonly at: Millis;
  readonly tables: readonly NeighbourTable[];
}

export interface NeighbourTableWatchDeps {
  /** As the kernel lists them. Rejects with KernelError. */
  readonly tables: () => Promise<readonly NeighbourTable[]>;
  readonly clock: Pick<Clock, "now" | "after">;
  readonly log: Pick<Log, "warn">;
}

export class NeighbourTableWatch {
  readonly #deps: NeighbourTableWatchDeps;
  /** The last two of each minute: there is always one that is a minute old. */
  #looks: readonly Look[] = [];
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(deps: NeighbourTableWatchDeps) {
    this.#deps = deps;
  }

  /** Looks now, and each minute from then on; what found no place since the last look is in the log. */
  async start(): Promise<void> {
    const look = await this.#look();
    if (this.#isClosed) return;
    const [last] = this.#looks;
    if (look && last) for (const line of lines(last, look)) this.#deps.log.warn(line);
    if (look) this.#looks = [look, ...this.#looks.slice(0, 1)];
    this.#timer = this.#deps.clock.after(LOOK_MS, () => void this.start());
  }

  /** What found no place in the last minute or two, in words with a remedy. */
  async dangers(): Promise<readonly string[]> {
    const oldest = this.#looks.at(-1);
    const now = oldest && (await this.#look());
    return now ? lines(oldest, now) : [];
  }

  /** Undefined where the kernel does not tell. */
  async #look(): Promise<Look | undefined> {
    try {
      return { at: this.#deps.clock.now(), tables: await this.#deps.tables() };
    } catch (failure) {
      if (failure instanceof KernelError) return undefined;
      throw failure;
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }
}

function lines(before: Look, { at, tables }: Look): readonly string[] {
  const seconds = Math.max(1, Math.round((at - before.at) / 1000));
  return tables.flatMap(({ family, hardLimit, fulls }) => {
    const more = fulls - (before.tables.find((table) => table.family === family)?.fulls ?? fulls);
    if (more <= 0) return [];
    const setting = `net.ipv${family}.neigh.default.gc_thresh3`;
    return [
      `the kernel's table of IPv${family} neighbours is full: in the last ${seconds} s it had no place for one ${more} times, and dropped the packet; raise ${setting}, which is ${hardLimit} for all network namespaces together ('sysctl -w ${setting}=${hardLimit * ROOM}')`,
    ];
  });
}
