import assert from "node:assert/strict";
import { test } from "node:test";
import { type IpAddress, parseAddress } from "../../ip/address.ts";
import { FakeClock } from "../../testing/fake-clock.ts";
import { SteadyRandom } from "../../testing/speaker-world.ts";
import { REHEARSED_ROUTES, type RehearsalDeps, rehearse } from "./rehearse.ts";

function depsWith(own?: IpAddress): RehearsalDeps & { readonly clock: FakeClock } {
  const clock = new FakeClock();
  return {
    clock,
    wallClock: clock.wall,
    random: new SteadyRandom(1),
    maxPaths: 1,
    surroundings: { costOf: () => 0, isOwnAddress: (address) => address === own, ownAddress: () => undefined },
    forwarding: [],
  };
}

test("every route of every performance is chosen, of both families", async () => {
  for (const families of [[4], [6], [4, 6]] as const) {
    const deps = depsWith();
    const chosen = await rehearse(deps, families, () => true);
    assert.equal(chosen % (REHEARSED_ROUTES * families.length), 0, `${chosen} routes`);
    assert.ok(chosen > REHEARSED_ROUTES * families.length, `${chosen} routes are more than one performance`);
    assert.equal(deps.clock.pending, 0, "timers are left");
  }
});

test("it ends where a next hop of the table is an address of the host", async () => {
  const chosen = await rehearse(depsWith(parseAddress("203.0.113.7")), [4], () => true);
  assert.ok(chosen > REHEARSED_ROUTES && chosen % REHEARSED_ROUTES !== 0, `${chosen} routes`);
});

test("it ends in the middle when it is wanted no longer, and does not begin without families", async () => {
  let turns = 0;
  const deps = depsWith();
  const chosen = await rehearse(deps, [4], () => turns++ < 1);
  assert.ok(chosen < REHEARSED_ROUTES, `${chosen} routes`);
  assert.equal(deps.clock.pending, 0, "timers are left");
  assert.equal(await rehearse(depsWith(), [], () => true), 0);
});
