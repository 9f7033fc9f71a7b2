/** What a driver knows of one table, and how often somebody else has touched it. */
import { planSteps } from "../../netlink/nftables/plan.ts";
import type { Steps } from "../../netlink/nftables/steps.ts";
import type { NftTable } from "../../netlink/nftables/tree.ts";

export type View = NftTable | "absent";

export class KnownTable {
  /** What the kernel holds as far as we know; undefined when it must be read. */
  #view: View | undefined;
  /** Counts foreign changes. What was read or written while it moved may be stale already. */
  #touches = 0;
  /** What the last apply made, and the view that it left. */
  #applied: { readonly desired: NftTable | undefined; readonly view: View } | undefined;

  get touches(): number {
    return this.#touches;
  }

  /** undefined: unknown, read it. */
  get view(): View | undefined {
    return this.#view;
  }

  /** Somebody else changed it, or may have. Returns whether that is news. */
  touch(): boolean {
    this.#touches++;
    const wasKnown = this.#view !== undefined;
    this.#view = undefined;
    return wasKnown;
  }

  /** Our own change failed: it must be read again. */
  forget(): void {
    this.#view = undefined;
  }

  /** Keeps what was read, unless the table was touched since `touches`. */
  learn(view: View, touches: number): void {
    if (this.#touches === touches) this.#view = view;
  }

  /** The kernel holds the tree since a commit of ours. */
  applied(desired: NftTable | undefined, touches: number): void {
    const view = desired ?? "absent";
    this.#applied = { desired, view };
    this.learn(view, touches);
  }

  /** How the view differs from what the last apply left, in words: what a foreign hand did. */
  *drift(): Steps<readonly string[]> {
    if (!this.#applied || !this.#view || this.#view === this.#applied.view) return [];
    const plan = yield* planSteps(this.#applied.desired, this.#view === "absent" ? undefined : this.#view);
    return plan.differences;
  }
}
