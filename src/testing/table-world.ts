/** nf_tables tables under the contract of drivers. A foreign hand is another driver, as another process would be. */
import { SystemClock } from "../adapter/clock.ts";
import { TableDriver } from "../dataplane/drivers/tables.ts";
import { NftTableDriver } from "../kernel/nftables/table-driver.ts";
import { accept, counter, drop, jump } from "../netlink/nftables/action.ts";
import { is, isIn } from "../netlink/nftables/match.ts";
import { rule } from "../netlink/nftables/rule.ts";
import { ip, tcp } from "../netlink/nftables/selector.ts";
import { type NftTable, type TableKey, tableName } from "../netlink/nftables/tree.ts";
import type { Netlink } from "../port/netlink.ts";
import type { DriverWorld } from "./driver-contract.ts";
import type { KernelUnderTest } from "./driver-ground.ts";
import { SilentLog } from "./silent-log.ts";

/** nf_tables of a namespace. */
export interface Nftables {
  readonly netlink: Netlink;
  /** Answers truly, whatever is to go wrong: for hands. */
  readonly sparing?: (work: () => Promise<void>) => Promise<void>;
  /** A line for each table, as `tableLine` writes it, seen from outside. */
  seen(): readonly string[];
}

/** `ip calico: chain input 2, chain pod 1, set blocked 2`: rules of chains and elements of sets, by name. */
export function tableLine(
  name: string,
  chains: readonly (readonly [name: string, rules: number])[],
  sets: readonly (readonly [name: string, elements: number])[],
): string {
  const parts = [
    ...chains.map(([chain, rules]) => `chain ${chain} ${rules}`),
    ...sets.map(([set, elements]) => `set ${set} ${elements}`),
  ];
  return `${name}: ${parts.sort().join(", ")}`;
}

const OURS: readonly TableKey[] = [
  { family: "ip", name: "calico" },
  { family: "ip6", name: "calico" },
];
const [OWN = { family: "ip", name: "calico" }] = OURS;
const THEIRS: TableKey = { family: "ip", name: "theirs" };

const small: NftTable = {
  ...OWN,
  sets: [{ name: "blocked", key: ["ipv4_addr"], interval: true, elements: ["10.0.0.0/8", "192.0.2.1"] }],
  chains: [
    { name: "pod", rules: [rule("ip", [is(tcp.dport, 80), counter, accept], "web")] },
    {
      name: "input",
      base: { type: "filter", hook: "input", priority: 0, policy: "accept" },
      rules: [rule("ip", [isIn(ip.saddr, "blocked"), counter, drop]), rule("ip", [counter, jump("pod")])],
    },
  ],
};
const bare: NftTable = { ...OWN, chains: [{ name: "pod", rules: [] }] };
const other: NftTable = { family: "ip6", name: "calico", chains: [{ name: "pod6", rules: [] }] };

export async function tableWorld(
  kernel: KernelUnderTest,
  { netlink, seen, sparing = (work) => work() }: Nftables,
): Promise<DriverWorld<NftTable>> {
  const deps = { log: new SilentLog(), clock: new SystemClock() };
  const closers: (() => void)[] = [];
  const connect = (): NftTableDriver => {
    const tables = new NftTableDriver(netlink, deps);
    closers.push(() => tables.close());
    return tables;
  };
  const hand = connect();
  const put = (table: NftTable | undefined, key: TableKey = OWN): Promise<void> =>
    sparing(async () => {
      await hand.apply(table, key);
    });
  await put({ ...THEIRS, chains: [{ name: "mine", rules: [] }] }, THEIRS);
  return {
    kernel,
    newDriver: async () => new TableDriver(connect(), { owned: OURS, log: deps.log }),
    keyOf: tableName,
    items: [small, bare, { ...small, sets: [{ ...small.sets![0]!, elements: ["10.0.0.0/8"] }] }, other],
    seen,
    lineOf: (table) =>
      tableLine(
        tableName(table),
        table.chains.map(({ name, rules }) => [name, rules.length]),
        (table.sets ?? []).map(({ name, elements }) => [name, elements.length]),
      ),
    foreign: seen(),
    hands: {
      "removes it": () => put(undefined),
      "empties a chain": () => put({ ...small, chains: [small.chains[0]!, { ...small.chains[1]!, rules: [] }] }),
      "adds an element": () => put({ ...small, sets: [{ ...small.sets![0]!, elements: ["10.0.0.0/8", "1.1.1.1"] }] }),
      "adds a chain": () => put({ ...bare, chains: [...bare.chains, { name: "extra", rules: [] }] }),
      "makes one of ours that is not wanted": () => put({ ...other, chains: [] }, other),
    },
    mend: () => undefined,
    close: () => {
      for (const close of closers.splice(0)) close();
      kernel.close();
    },
  };
}
