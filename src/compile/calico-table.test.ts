import assert from "node:assert/strict";
import { test } from "node:test";
import type { NftTable } from "../netlink/nftables/tree.ts";
import { awsObjects, bgpNodeObject, bgpWorld, birdLocal } from "../testing/bgp-world.ts";
import { poolObject } from "../testing/objects.ts";
import { compileKey } from "./compile.ts";
import { keys } from "./keys.ts";

const world = (ipipMode: string) => bgpWorld(birdLocal("worker-1", "10.30.0.206/24", "ens5"), awsObjects(ipipMode));
const compiled = ({ compiler }: ReturnType<typeof world>): NftTable | undefined =>
  compileKey(keys.calicoTable, compiler.view).tables?.[0];
const hosts = (table: NftTable | undefined): readonly string[] | undefined =>
  table?.sets?.find(({ name }) => name === "cali40all-hosts-net")?.elements;

test("while a pool uses IP-in-IP all nodes may send it, this one included, and a twin's address counts once", () => {
  const one = world("CrossSubnet");
  assert.deepEqual(hosts(compiled(one)), ["10.30.0.136", "10.30.0.206", "10.30.0.56", "10.30.1.66"]);
  one.put(bgpNodeObject("twin", "10.30.1.66/24", "192.168.98.0"));
  assert.deepEqual(hosts(compiled(one)), ["10.30.0.136", "10.30.0.206", "10.30.0.56", "10.30.1.66"]);
  assert.deepEqual(
    compiled(one)?.chains.map(({ name }) => name),
    ["filter-INPUT", "filter-cali-INPUT", "nat-POSTROUTING", "nat-cali-POSTROUTING", "nat-cali-nat-outgoing"],
  );
});

test("while no pool uses IP-in-IP protocol 4 is no concern of ours, and without pools there is no table", () => {
  const table = compiled(world("Never"));
  assert.equal(hosts(table), undefined);
  assert.ok(table?.chains.every(({ name }) => name.startsWith("nat-")));
  assert.equal(compiled(bgpWorld(birdLocal("worker-1", "10.30.0.206/24", "ens5"))), undefined);
});

test("IPv6 pools have a table of their own, which knows no tunnel and no node", () => {
  const one = world("Always");
  const tables = () => compileKey(keys.calicoTable, one.compiler.view).tables ?? [];
  assert.deepEqual(
    tables().map(({ family }) => family),
    ["ip"],
  );
  one.put(poolObject("v6", "fd00:10:244::/56", { natOutgoing: true }));
  assert.deepEqual(
    tables().map(({ family, name }) => `${family} ${name}`),
    ["ip calico", "ip6 calico"],
  );
  const [four, six] = tables();
  const elements = (table: NftTable | undefined, set: string) =>
    table?.sets?.find(({ name }) => name === set)?.elements;
  assert.deepEqual(elements(six, "cali60masq-ipam-pools"), ["fd00:10:244::/56"]);
  assert.deepEqual(elements(four, "cali40all-ipam-pools"), ["192.168.0.0/16"]);
  assert.ok(six?.chains.every(({ name }) => name.startsWith("nat-")));
});

test("while tunl0 is up the rule stays whatever pools say, and a device that comes or goes touches the table alone", () => {
  const one = world("Never");
  const { compiler } = one;
  compiler.flush(Number.MAX_SAFE_INTEGER, () => undefined);
  for (const isUp of [true, false]) {
    const touched: string[] = [];
    compiler.view.setIpipUp(isUp, compiler.touch);
    compiler.view.setIpipUp(isUp, compiler.touch);
    compiler.flush(Number.MAX_SAFE_INTEGER, (key) => touched.push(key));
    assert.deepEqual(touched, [keys.calicoTable]);
    assert.equal(hosts(compiled(one))?.length, isUp ? 4 : undefined);
  }
});

test("a node that comes, goes or moves touches the table, one that gets a label does not", () => {
  const { compiler, put, intent } = world("Always");
  const isTouched = (change: () => void): boolean => {
    compiler.flush(Number.MAX_SAFE_INTEGER, () => undefined);
    change();
    const touched = new Set<string>();
    compiler.flush(Number.MAX_SAFE_INTEGER, (key) => touched.add(key));
    return touched.has(keys.calicoTable);
  };
  const more = (address: string, labels = {}) => bgpNodeObject("more", address, "192.168.99.0", {}, labels);
  assert.equal(
    isTouched(() => put(more("10.30.2.1/24"))),
    true,
  );
  assert.equal(
    isTouched(() => put(more("10.30.2.1/24", { rack: "7" }))),
    false,
  );
  assert.equal(
    isTouched(() => put(more("10.30.2.2/24", { rack: "7" }))),
    true,
  );
  const { key } = more("10.30.2.2/24");
  assert.equal(
    isTouched(() => intent.event({ type: "removed", key })),
    true,
  );
});
