/** What a rule does with a packet that it matches. */
import { addressOctets } from "../../ip/address.ts";
import type { Prefix } from "../../ip/prefix.ts";
import type { Expression, Hex, NatFlag, RejectType, Verdict } from "./expression.ts";
import { numberHex } from "./match.ts";
import type { Statement } from "./rule.ts";
import { meta } from "./selector.ts";

const act =
  (...expressions: readonly Expression[]): Statement =>
  (rule) => {
    rule.expressions.push(...expressions);
  };
const verdict = (value: Verdict): Statement => act({ name: "verdict", ...value });

export const accept: Statement = verdict({ verdict: "accept" });
export const drop: Statement = verdict({ verdict: "drop" });
export const returns: Statement = verdict({ verdict: "return" });
export const jump = (chain: string): Statement => verdict({ verdict: "jump", chain });
export const goTo = (chain: string): Statement => verdict({ verdict: "goto", chain });
export const counter: Statement = act({ name: "counter" });
export const notrack: Statement = act({ name: "notrack" });

/** Keeps the mark's bits in `keep` and sets those in `set`: meta mark = (mark & keep) | set. */
export const setMark =
  (keep: number, set: number): Statement =>
  (rule) => {
    const mask = numberHex(meta.mark, (keep & ~set) >>> 0);
    rule.expressions.push(
      meta.mark.load(1),
      { name: "bitwise", from: 1, to: 1, mask, xor: numberHex(meta.mark, set >>> 0) },
      { name: "metaSet", key: "mark", from: 1 },
    );
  };
const ALL_BITS = 0xffffffff;
export const orMark = (bits: number): Statement => setMark(ALL_BITS, bits);
export const clearMark = (bits: number): Statement => setMark(~bits >>> 0, 0);

export interface PortRange {
  /** 1 … 65535, both inclusive. */
  readonly low: number;
  readonly high: number;
}

const port = (value: number): Hex => value.toString(16).padStart(4, "0");

/** Source address of the device by which the packet leaves. Ports need a transport protocol matched before. */
export const masquerade = ({
  flags = [],
  ports,
}: {
  readonly flags?: readonly NatFlag[];
  readonly ports?: PortRange;
} = {}): Statement =>
  ports
    ? act(
        { name: "immediate", to: 1, value: port(ports.low) },
        { name: "immediate", to: 2, value: port(ports.high) },
        { name: "masq", flags, ports: { low: 1, high: 2 } },
      )
    : act({ name: "masq", flags });

const translate =
  (type: "snat" | "dnat") =>
  ({
    to,
    ports,
    flags = [],
  }: {
    readonly to: Prefix["address"];
    readonly ports?: PortRange;
    readonly flags?: readonly NatFlag[];
  }): Statement =>
    act(
      { name: "immediate", to: 1, value: Buffer.from(addressOctets(to)).toString("hex") },
      ...(ports
        ? ([
            { name: "immediate", to: 2, value: port(ports.low) },
            { name: "immediate", to: 3, value: port(ports.high) },
          ] as const)
        : []),
      {
        name: "nat",
        type,
        family: typeof to === "number" ? "ip" : "ip6",
        addresses: { low: 1, high: 1 },
        ...(ports ? { ports: { low: 2, high: 3 } } : {}),
        flags,
      },
    );
/** To one address, and to a range of ports where a transport protocol was matched before. */
export const snat = translate("snat");
export const dnat = translate("dnat");

/** ICMP port unreachable where nothing else is said. Input, forward and output hooks only. */
export const reject = ({
  type = "icmp",
  code = 3,
}: {
  readonly type?: RejectType;
  readonly code?: number;
} = {}): Statement => act({ name: "reject", type, code: type === "tcp reset" ? 0 : code });

/** To the kernel's log, at syslog level 0 … 7. */
export const log = (options: { readonly prefix?: string; readonly level?: number } = {}): Statement =>
  act({ name: "log", ...options });

/** Matches while no more than so many packets come per second; `burst` may come at once. */
export const limit = ({
  packetsPerSecond,
  burst,
}: {
  readonly packetsPerSecond: number;
  readonly burst: number;
}): Statement => act({ name: "limit", rate: BigInt(packetsPerSecond), perSeconds: 1n, burst, type: "packets" });
