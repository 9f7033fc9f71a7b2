/** Policy rules of the memory kernel. */
import { isDeepStrictEqual } from "node:util";
import { Flag } from "../../netlink/message.ts";
import { Group, RtmType } from "../../netlink/rtnetlink/codes.ts";
import { type Rule, ruleBody, ruleBodyOf, ruleOf } from "../../netlink/rtnetlink/rule.ts";
import { type Asked, type Bus, type Shown, shown } from "./bus.ts";
import { Errno, Refusal } from "./refusal.ts";

export class MemoryRules {
  readonly #bus: Bus;
  #rules: Rule[] = [
    { family: 4, priority: 0, action: "lookup", table: 255, protocol: 2 },
    { family: 4, priority: 32_766, action: "lookup", table: 254, protocol: 2 },
    { family: 4, priority: 32_767, action: "lookup", table: 253, protocol: 2 },
    { family: 6, priority: 0, action: "lookup", table: 255, protocol: 2 },
    { family: 6, priority: 32_766, action: "lookup", table: 254, protocol: 2 },
  ];

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  all(): readonly Rule[] {
    return this.#rules;
  }

  request({ type, flags, payload, port }: Asked): void {
    const rule = ruleOf(ruleBody.decode(payload));
    if (!rule) throw new Refusal(Errno.EINVAL);
    const same = this.#rules.find((other) => isDeepStrictEqual(selectorsOf(other), selectorsOf(rule)));
    if (type === RtmType.deleteRule) {
      if (!same) throw new Refusal(Errno.ENOENT);
      this.#rules = this.#rules.filter((other) => other !== same);
    } else {
      if (same && (flags & Flag.exclusive) !== 0) throw new Refusal(Errno.EEXIST);
      this.#rules.push(rule);
    }
    const group = rule.family === 4 ? Group.ipv4Rule : Group.ipv6Rule;
    this.#bus.notify(group, shown(type, ruleBody, ruleBodyOf(rule)), port);
  }

  list(payload: Uint8Array): readonly Shown[] {
    const { header } = ruleBody.decode(payload);
    return this.#rules
      .map(ruleBodyOf)
      .filter((body) => header.family === 0 || header.family === body.header.family)
      .map((body) => shown(RtmType.newRule, ruleBody, body));
  }
}

/** Who made a rule is no part of what it is; a mark without a mask is matched in all its bits. */
const selectorsOf = ({ protocol: _protocol, mask, ...rule }: Rule) => ({
  ...rule,
  mask: rule.mark === undefined ? undefined : (mask ?? 0xffffffff),
});
