/** Does the steps of pure work without keeping the loop longer than a slice. */
import type { Steps } from "../../netlink/nftables/steps.ts";
import type { Clock } from "../../port/clock.ts";
import { TurnBudget } from "../turn-budget.ts";

export async function inTurns<T>(clock: Clock, steps: Steps<T>): Promise<T> {
  for (const budget = new TurnBudget(clock); ; ) {
    const step = steps.next();
    if (step.done) return step.value;
    if (budget.isSpent) await budget.rest();
  }
}
