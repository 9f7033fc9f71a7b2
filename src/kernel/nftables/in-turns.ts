/** Does the steps of pure work without keeping the loop longer than a turn's budget. */
import type { Steps } from "../../netlink/nftables/steps.ts";
import type { TurnBudget } from "../turn-budget.ts";

export async function inTurns<T>(budget: TurnBudget, steps: Steps<T>): Promise<T> {
  for (;;) {
    if (budget.isSpent) await budget.rest();
    const step = steps.next();
    if (step.done) return step.value;
  }
}
