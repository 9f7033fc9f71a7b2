/**
 * Policy rules. Mark: `owns`, by priority and table (DESIGN 4: priority 99 and a table that is ours). A rule has nothing
 * that could change: another one is another key.
 */
import { type RuleItem, ruleKey } from "../../compile/node-state.ts";
import { rules } from "../../kernel/rtnetlink-dumps.ts";
import type { Request } from "../../kernel/rtnetlink-requests.ts";
import type { Subscription } from "../../kernel/rtnetlink-subscription.ts";
import type { Rule } from "../../netlink/rtnetlink/rule.ts";
import type { Driver, DriverSink, Failure } from "../../reconcile/driver.ts";
import type { Op } from "../../reconcile/plan.ts";
import { type DriverDeps, failureOf, itemOf } from "./deps.ts";
import { Observer } from "./observer.ts";
import { Serial } from "./serial.ts";

export interface RuleDriverOptions {
  readonly owns: (rule: Rule) => boolean;
}

export class RuleDriver implements Driver<RuleItem> {
  readonly name = "rules";
  readonly #deps: Pick<DriverDeps, "rtnetlink">;
  readonly #owns: (rule: Rule) => boolean;
  readonly #serial = new Serial();
  readonly #observer = new Observer<RuleItem>(() => []);
  #subscription: Subscription | undefined;

  constructor(deps: Pick<DriverDeps, "rtnetlink">, options: RuleDriverOptions) {
    this.#deps = deps;
    this.#owns = options.owns;
  }

  readOwned(): Promise<ReadonlyMap<string, RuleItem>> {
    return this.#serial.run(() =>
      this.#observer.reading(async (found) => {
        this.#subscription?.drain();
        const items = await this.#deps.rtnetlink.dump(rules(), (rule) =>
          this.#owns(rule) ? itemOfRule(rule) : undefined,
        );
        this.#subscription?.drain();
        for (const item of items) found.set(ruleKey(item), item);
      }),
    );
  }

  /** A rule with selectors that ours never have is somebody else's, whatever its priority and table. */
  #isOurs(rule: Rule): boolean {
    const isForeign = rule.from ?? rule.to ?? rule.inputDevice ?? rule.outputDevice;
    return rule.action === "lookup" && isForeign === undefined && this.#owns(rule);
  }

  equal(): boolean {
    return true;
  }

  apply(ops: readonly Op<RuleItem>[]): Promise<readonly Failure[]> {
    const drain = () => this.#subscription?.drain();
    return this.#serial.run(() => this.#observer.writing(this.#deps.rtnetlink.clock, drain, () => this.#apply(ops)));
  }

  async #apply(ops: readonly Op<RuleItem>[]): Promise<readonly Failure[]> {
    const requests = ops.map(
      (op): Request => ({ type: op.op === "remove" ? "deleteRule" : "addRule", rule: ruleOf(itemOf(op)) }),
    );
    const outcomes = await this.#deps.rtnetlink.executeMany(requests);
    const failures: Failure[] = [];
    for (const [index, op] of ops.entries()) {
      const error = failureOf(op, outcomes[index]);
      // Adding what is there already is what was asked for.
      if (error && error.errno !== "EEXIST") failures.push({ key: op.key, error });
      else this.#observer.applied(op);
    }
    return failures;
  }

  watch(sink: DriverSink<RuleItem>): void {
    this.#observer.attach(sink);
    this.#subscription = this.#deps.rtnetlink.subscribe(["ipv4Rule", "ipv6Rule"], {
      event: (event) => {
        if (event.type !== "rule" || !this.#isOurs(event.rule)) return;
        const item = itemOfRule(event.rule);
        if (event.isGone) this.#observer.absent(ruleKey(item));
        else this.#observer.present(ruleKey(item), item);
      },
      overrun: (reason) => this.#observer.resync(reason),
    });
  }

  close(): void {
    this.#observer.close();
    this.#subscription?.close();
  }
}

const itemOfRule = ({ family, priority, table, mark, mask, invert }: Rule): RuleItem => ({
  family,
  priority,
  table: table ?? 0,
  ...(mark === undefined ? {} : { mark }),
  ...(mask === undefined ? {} : { mask }),
  ...(invert === true ? { invert } : {}),
});

const ruleOf = (item: RuleItem): Rule => ({ ...item, action: "lookup" });
