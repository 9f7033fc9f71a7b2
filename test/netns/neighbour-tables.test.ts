/** The kernel's tables of neighbours as we read them, against `ip ntable`. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SystemClock } from "../../src/adapter/clock.ts";
import { Rtnetlink } from "../../src/kernel/rtnetlink.ts";
import { tablesOfNeighbours } from "../../src/kernel/rtnetlink-dumps.ts";
import { namespaceFor, whyNoNamespaces } from "../../src/testing/netns.ts";

const skip = whyNoNamespaces();

test("limits and failures are those that ip shows, beside devices with settings of their own", {
  ...(skip === undefined ? {} : { skip }),
}, async (t) => {
  const host = namespaceFor(t);
  host.ip("link add eth0 type veth peer name eth1");
  const rtnetlink = new Rtnetlink(host.net, new SystemClock());
  t.after(() => rtnetlink.close());
  const shown = (family: string, name: string) => {
    const text = host.ip(`-${family} -s ntable show name ${name}`);
    const of = (word: string) => Number(new RegExp(`\\b${word} (\\d+)`).exec(text)?.[1]);
    return { hardLimit: of("thresh3"), fulls: of("table_fulls") };
  };
  const before = { 4: shown("4", "arp_cache"), 6: shown("6", "ndisc_cache") };
  const found = await rtnetlink.dump(tablesOfNeighbours());
  assert.deepEqual(found.map(({ family }) => family).sort(), [4, 6]);
  for (const { family, hardLimit, fulls } of found) {
    const after = family === 4 ? shown("4", "arp_cache") : shown("6", "ndisc_cache");
    assert.equal(hardLimit, after.hardLimit);
    // The table is the whole machine's: others may fill it meanwhile.
    assert.ok(before[family].fulls <= fulls && fulls <= after.fulls, `${before[family].fulls} ${fulls} ${after.fulls}`);
  }
});
