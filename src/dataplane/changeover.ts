/**
 * How this node goes from one mode of a pool to another. Nodes hear of it one after the other, so each opens its receivers
 * at once, sends by the new mode when the others had time to do the same, and closes the old receivers when the others had
 * time to send no more (DESIGN 7):
 *
 *   seen:     receives both, sends as before ── 2 s ──▶ sends by the new mode ── 20 s ──▶ receives it alone
 *
 * The 20 s are an encapsulation's own: a later change between modes that do not use it leaves them as they run.
 *
 * Kept in memory alone: an agent that starts takes the modes as the store has them.
 */
import { type Encapsulation, encapsulations, type PoolModes, takesIn } from "../compile/tunnels/encapsulation.ts";
import type { Pool } from "../compile/view.ts";
import type { Clock, Millis, Timer } from "../port/clock.ts";

/** Until all nodes have tunnel addresses and devices for a mode that was not used before. */
const OPENING_MS: Millis = 2_000;
/** Until no node sends by the mode before. */
const CLOSING_MS: Millis = 20_000;

interface Stage {
  /** As the store has it. */
  readonly wanted: Pool;
  /** How this node sends now. */
  readonly sends: PoolModes;
  readonly receives: readonly Encapsulation[];
  /** Until this node sends as the store has it. */
  readonly opening?: Timer | undefined;
  /** Until it ceases to take in what came by a mode before. */
  readonly closing: ReadonlyMap<Encapsulation, Timer>;
}

export class Changeover {
  readonly #clock: Clock;
  readonly #moved: (name: string, pool: Pool) => void;
  readonly #stages = new Map<string, Stage>();

  /** `moved`: a pool is to be taken in again, since time has passed. */
  constructor(clock: Clock, moved: (name: string, pool: Pool) => void) {
    this.#clock = clock;
    this.#moved = moved;
  }

  /** What of a pool counts now, given how the store has it. */
  readonly stage = (name: string, wanted: Pool | undefined): Pool | undefined => {
    const before = this.#stages.get(name);
    if (!wanted) {
      if (before) cancel(before);
      this.#stages.delete(name);
      return undefined;
    }
    if (!before) {
      return this.#enter(name, { wanted, sends: modesOf(wanted), receives: receiversOf(wanted), closing: new Map() });
    }
    if (isSame(before.wanted, wanted)) return this.#enter(name, { ...before, wanted });
    before.opening?.cancel();
    const closing = new Map(before.closing);
    for (const by of receiversOf(wanted)) {
      closing.get(by)?.cancel();
      closing.delete(by);
    }
    const receives = encapsulations.filter((by) => before.receives.includes(by) || takesIn(wanted, by));
    const opening = this.#clock.after(OPENING_MS, () => this.#send(name));
    return this.#enter(name, { wanted, sends: before.sends, receives, opening, closing });
  };

  /** Whether a node must take in what comes so, for any pool. */
  receives(by: Encapsulation): boolean {
    return [...this.#stages.values()].some(({ receives }) => receives.includes(by));
  }

  /** What is not yet as the store has it, in words. */
  underWay(): readonly string[] {
    return [...this.#stages].flatMap(([name, { wanted, sends, receives }]) => {
      const pool = `IPPool(${name})`;
      if (!isSame(wanted, sends)) {
        const seconds = OPENING_MS / 1_000;
        return [
          `${pool} is changing to ${inWords(wanted)}: until all nodes receive so, ${seconds} s, this one sends by ${inWords(sends)}`,
        ];
      }
      const old = receives.filter((by) => !takesIn(sends, by));
      const seconds = CLOSING_MS / 1_000;
      return old.map(
        (by) =>
          `${pool} has changed to ${inWords(wanted)}: until no node sends by ${by} any more, ${seconds} s, this one receives it`,
      );
    });
  }

  #send(name: string): void {
    const before = this.#stages.get(name);
    if (!before) return;
    const { wanted, receives } = before;
    const closing = new Map(before.closing);
    for (const by of receives) {
      if (takesIn(wanted, by) || closing.has(by)) continue;
      closing.set(
        by,
        this.#clock.after(CLOSING_MS, () => this.#close(name, by)),
      );
    }
    this.#moved(name, this.#enter(name, { wanted, sends: modesOf(wanted), receives, closing }));
  }

  #close(name: string, by: Encapsulation): void {
    const before = this.#stages.get(name);
    if (!before) return;
    const closing = new Map([...before.closing].filter(([other]) => other !== by));
    const receives = before.receives.filter((other) => other !== by);
    this.#moved(name, this.#enter(name, { ...before, receives, closing }));
  }

  #enter(name: string, stage: Stage): Pool {
    this.#stages.set(name, stage);
    const { wanted, sends, receives } = stage;
    const alsoTakesIn = receives.filter((by) => !takesIn(sends, by));
    return { ...wanted, ...sends, ...(alsoTakesIn.length === 0 ? {} : { alsoTakesIn }) };
  }

  close(): void {
    for (const stage of this.#stages.values()) cancel(stage);
    this.#stages.clear();
  }
}

function cancel({ opening, closing }: Stage): void {
  for (const timer of [opening, ...closing.values()]) timer?.cancel();
}

const inWords = ({ ipipMode, vxlanMode }: PoolModes): string => `ipipMode ${ipipMode}, vxlanMode ${vxlanMode}`;

const modesOf = ({ ipipMode, vxlanMode }: Pool): PoolModes => ({ ipipMode, vxlanMode });

const receiversOf = (pool: Pool): readonly Encapsulation[] => encapsulations.filter((by) => takesIn(pool, by));

const isSame = (a: PoolModes, b: PoolModes): boolean => a.ipipMode === b.ipipMode && a.vxlanMode === b.vxlanMode;
