/**
 * What the table driver promises, whatever kernel is below: run on the real one and on the double. A foreign hand is
 * another driver on a port of its own, as another process would be.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { SystemClock } from "../adapter/clock.ts";
import { calicoTable } from "../compile/calico-table.ts";
import { natOutgoing } from "../compile/nat/nat-outgoing.ts";
import { tunnelInput } from "../compile/tunnels/ipip-input.ts";
import { parsePrefix } from "../ip/prefix.ts";
import { NftTableDriver } from "../kernel/nftables/table-driver.ts";
import { accept, counter, drop, jump } from "../netlink/nftables/action.ts";
import { is, isIn } from "../netlink/nftables/match.ts";
import { rule } from "../netlink/nftables/rule.ts";
import { ip, tcp } from "../netlink/nftables/selector.ts";
import type { NftTable } from "../netlink/nftables/tree.ts";
import type { Netlink } from "../port/netlink.ts";
import { normalised, tables } from "./memory-nftables-trees.ts";
import { SilentLog } from "./silent-log.ts";

export interface ContractOptions {
  /** For the names of the tests. */
  readonly on: string;
  readonly skip: string | false;
  /** A namespace without tables, gone after the test. */
  readonly kernel: (t: TestContext) => Netlink;
  /** Random cases of each property. */
  readonly runs: number;
}

const key = { family: "ip", name: "calico" } as const;
const foreignKey = { family: "ip", name: "theirs" } as const;

const small: NftTable = {
  ...key,
  sets: [{ name: "blocked", key: ["ipv4_addr"], interval: true, elements: ["10.0.0.0/8", "192.0.2.1"] }],
  maps: [
    {
      name: "dispatch",
      key: ["ifname"],
      data: "verdict",
      elements: [
        ["cali1", "goto pod"],
        ["cali2", "drop"],
      ],
    },
  ],
  chains: [
    { name: "pod", rules: [rule("ip", [is(tcp.dport, 80), counter, accept], "web")] },
    {
      name: "input",
      base: { type: "filter", hook: "input", priority: 0, policy: "accept" },
      rules: [rule("ip", [isIn(ip.saddr, "blocked"), counter, drop]), rule("ip", [counter, jump("pod")])],
    },
  ],
};

export function nftTableContract({ on, skip, kernel, runs }: ContractOptions): void {
  const driverFor = (t: TestContext, netlink: Netlink): NftTableDriver => {
    const driver = new NftTableDriver(netlink, { log: new SilentLog(), clock: new SystemClock() });
    t.after(() => driver.close());
    return driver;
  };
  const contract = (name: string, work: (t: TestContext) => Promise<void>): void => {
    test(`${name} (${on})`, { skip }, work);
  };

  contract("a table appears as it is, and a second apply writes nothing", async (t) => {
    const driver = driverFor(t, kernel(t));
    assert.equal(await driver.read(key), undefined);
    const first = await driver.apply(small, key);
    assert.deepEqual(first, { transactions: 1, repairs: [], differences: ["the table is missing"] });
    assert.deepEqual(normalised(await driver.read(key)), normalised(small));
    const none = { transactions: 0, repairs: [], differences: [] };
    assert.deepEqual(await driver.apply(small, key), none);
    assert.deepEqual(await driver.apply(structuredClone(small), key), none);
  });

  contract("a driver without memory recognises what another has written", async (t) => {
    const netlink = kernel(t);
    await driverFor(t, netlink).apply(small, key);
    assert.equal((await driverFor(t, netlink).apply(structuredClone(small), key)).transactions, 0);
  });

  contract("a table that is not wanted goes, and its absence is nothing to do", async (t) => {
    const driver = driverFor(t, kernel(t));
    await driver.apply(small, key);
    assert.equal((await driver.apply(undefined, key)).transactions, 1);
    assert.equal(await driver.read(key), undefined);
    assert.deepEqual(await driver.apply(undefined, key), { transactions: 0, repairs: [], differences: [] });
  });

  contract("what a foreign hand changes is named and put back", async (t) => {
    const netlink = kernel(t);
    const driver = driverFor(t, netlink);
    const hand = driverFor(t, netlink);
    await driver.apply(small, key);
    const cases: readonly (readonly [what: NftTable | undefined, found: readonly string[]])[] = [
      [undefined, ["the table is missing"]],
      [{ ...small, sets: [{ ...small.sets![0]!, elements: ["10.0.0.0/8"] }] }, ["set blocked lacks 1 element"]],
      [
        {
          ...small,
          sets: [{ ...small.sets![0]!, elements: ["10.0.0.0/8", "192.0.2.1", "198.51.100.0/24", "1.1.1.1"] }],
        },
        ["set blocked has 2 elements too many"],
      ],
      [
        {
          ...small,
          maps: [
            {
              ...small.maps![0]!,
              elements: [
                ["cali1", "accept"],
                ["cali2", "drop"],
              ],
            },
          ],
        },
        ["set dispatch has 1 element with another value"],
      ],
      [{ ...small, chains: [small.chains[0]!, { ...small.chains[1]!, rules: [] }] }, ["chain input is empty"]],
      [
        { ...small, chains: [small.chains[0]!, { ...small.chains[1]!, rules: [small.chains[1]!.rules[0]!] }] },
        ["chain input lacks 1 rule"],
      ],
      [
        { ...small, chains: [small.chains[0]!, { ...small.chains[1]!, rules: small.chains[1]!.rules.toReversed() }] },
        ["chain input has its rules in another order or number"],
      ],
      [
        {
          ...small,
          chains: [small.chains[0]!, { ...small.chains[1]!, base: { ...small.chains[1]!.base!, policy: "drop" } }],
        },
        ["chain input has the policy drop"],
      ],
      [
        {
          ...small,
          chains: [small.chains[0]!, { ...small.chains[1]!, base: { ...small.chains[1]!.base!, priority: 7 } }],
        },
        ["chain input has another hook: type filter hook input priority 7"],
      ],
      [{ ...small, chains: [...small.chains, { name: "extra", rules: [] }] }, ["chain extra is not ours"]],
      [
        { ...small, sets: [...small.sets!, { name: "extra", key: ["mark"], elements: ["0x00000001"] }] },
        ["set extra is not ours"],
      ],
    ];
    for (const [what, found] of cases) {
      await hand.apply(what, key);
      const result = await driver.apply(small, key);
      assert.deepEqual(result.repairs, found);
      assert.equal(result.transactions, 1);
      assert.deepEqual(normalised(await hand.read(key)), normalised(small));
    }
  });

  contract("a foreign change is told of, our own is not", async (t) => {
    const netlink = kernel(t);
    const driver = driverFor(t, netlink);
    const hand = driverFor(t, netlink);
    const heard: string[] = [];
    driver.onChange((found) => heard.push(found ? `${found.family} ${found.name}` : "all"));
    await driver.apply(small, key);
    await hand.apply({ ...foreignKey, chains: [] }, foreignKey);
    await driver.apply({ ...small, maps: [] }, key);
    assert.deepEqual(heard, []);
    await hand.apply(undefined, key);
    for (let turn = 0; turn < 1000 && heard.length === 0; turn++) await new SystemClock().yield();
    assert.deepEqual(heard, ["ip calico"]);
  });

  contract("a set of another kind under the same name is made anew with the rules that use it", async (t) => {
    const netlink = kernel(t);
    const driver = driverFor(t, netlink);
    await driver.apply(small, key);
    const other: NftTable = { ...small, sets: [{ name: "blocked", key: ["ipv4_addr"], elements: ["192.0.2.7"] }] };
    assert.equal((await driver.apply(other, key)).transactions, 1);
    assert.deepEqual(normalised(await driver.read(key)), normalised(other));
  });

  contract("what the kernel refuses leaves everything as it was, and the error says what", async (t) => {
    const driver = driverFor(t, kernel(t));
    await driver.apply(small, key);
    const broken: NftTable = {
      ...small,
      chains: [...small.chains, { name: "new", rules: [rule("ip", [isIn(ip.saddr, "nowhere"), drop])] }],
    };
    await assert.rejects(driver.apply(broken, key), (failure: { errno?: string; message?: string }) => {
      assert.equal(failure.errno, "ENOENT");
      assert.match(failure.message ?? "", /rule 1 of chain new of table ip calico/);
      return true;
    });
    assert.deepEqual(normalised(await driver.read(key)), normalised(small));
    assert.deepEqual((await driver.apply(small, key)).transactions, 0);
  });

  contract("two that change the ruleset at the same time both succeed", async (t) => {
    const netlink = kernel(t);
    const [driver, other] = [driverFor(t, netlink), driverFor(t, netlink)];
    await driver.apply(small, key);
    const work: Promise<unknown>[] = [];
    for (let round = 0; round < 20; round++) {
      const elements = [`10.0.0.${round}`, `10.1.0.${round}/32`];
      work.push(driver.apply({ ...small, sets: [{ ...small.sets![0]!, elements }] }, key));
      work.push(
        other.apply({ ...foreignKey, sets: [{ name: "s", key: ["ipv4_addr"], elements }], chains: [] }, foreignKey),
      );
    }
    await Promise.all(work);
    assert.deepEqual((await driver.read(key))?.sets?.[0]?.elements.toSorted(), ["10.0.0.19", "10.1.0.19"]);
    assert.deepEqual((await other.read(foreignKey))?.sets?.[0]?.elements.toSorted(), ["10.0.0.19", "10.1.0.19"]);
  });

  contract("pools come and go while the masquerade stays", async (t) => {
    const driver = driverFor(t, kernel(t));
    const pools = ["192.168.0.0/16", "10.48.0.0/16", "10.48.4.0/24"].map(parsePrefix);
    for (const count of [3, 2, 1, 2, 3]) {
      const some = pools.slice(0, count);
      const nat = natOutgoing({ family: 4, pools: some, masqueradedPools: some.slice(1), tunnelDevices: [] });
      const table = calicoTable(4, [nat, ...(count === 2 ? [] : [tunnelInput(some.map(({ address }) => address))])]);
      await driver.apply(table, key);
      assert.deepEqual(normalised(await driver.read(key)), normalised(table));
      assert.equal((await driver.apply(table, key)).transactions, 0);
    }
  });

  contract("any table becomes any other, in one transaction, and foreign tables stay", async (t) => {
    const netlink = kernel(t);
    const [driver, hand] = [driverFor(t, netlink), driverFor(t, netlink)];
    const theirs = { ...small, ...foreignKey };
    await hand.apply(theirs, foreignKey);
    await fc.assert(
      fc.asyncProperty(
        fc.option(tables("calico"), { nil: undefined }),
        fc.option(tables("calico"), { nil: undefined, freq: 2 }),
        async (wanted, foreign) => {
          if (foreign) await hand.apply(foreign, key);
          const result = await driver.apply(wanted, key);
          assert.ok(result.transactions <= 1);
          assert.deepEqual(normalised(await driver.read(key)), normalised(wanted));
          assert.equal((await driver.apply(wanted && structuredClone(wanted), key)).transactions, 0);
        },
      ),
      { numRuns: runs },
    );
    assert.deepEqual(normalised(await hand.read(foreignKey)), normalised(theirs));
  });
}
