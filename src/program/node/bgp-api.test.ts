import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { BgpRoute } from "../../insight/bgp-routes.ts";
import { agentHost, cluster } from "../../testing/agent-host.ts";
import { SpeakerWorld } from "../../testing/speaker-world.ts";
import { BgpApi } from "./bgp-api.ts";
import type { BgpReport } from "./bgp-report.ts";
import { type ApiAnswer, ApiError } from "./http-api.ts";

const PREFIXES = 3_000;
const prefixes = Array.from({ length: PREFIXES }, (_, n) => `172.${16 + (n >> 8)}.${n & 255}.0/24`);

/** A node that is told many routes by one peer, and its answers. */
async function answering(t: TestContext) {
  const world = new SpeakerWorld();
  t.after(() => world.close());
  const [left, right] = await world.pair();
  right.originate(...prefixes);
  await world.until("the routes", () => left.best.size === PREFIXES);
  const agent = agentHost(await cluster()).start();
  t.after(() => agent.close());
  const { clock } = world;
  const at = clock.wall.now();
  const { speaker, config } = left;
  const api = new BgpApi({
    bgp: {
      speaker,
      get status() {
        return speaker.status();
      },
      since: at,
      configured: { at, config },
      reports: [],
      whyLearned: () => ({ rejected: "it is in no pool" }),
    },
    agent,
    clock,
    wallClock: clock.wall,
  });
  const ask = (path: string, query: Readonly<Record<string, string>> = {}): ApiAnswer =>
    api.answer(path, new URLSearchParams(query)) ?? assert.fail(path);
  return { ask, api, world, left, right };
}

async function piecesOf(world: SpeakerWorld, answer: ApiAnswer): Promise<string[]> {
  if (!("lines" in answer)) assert.fail("no lines");
  const pieces: string[] = [];
  let isOver = false;
  const all = (async () => {
    for await (const piece of answer.lines) pieces.push(piece);
    isOver = true;
  })();
  await world.until("the answer", () => isOver);
  await all;
  return pieces;
}

test("a large table comes in pieces of whole lines, each a small part of it", async (t) => {
  const { ask, world } = await answering(t);
  const pieces = await piecesOf(world, ask("/routes"));
  assert.ok(pieces.length > 5, String(pieces.length));
  for (const piece of pieces) assert.ok(piece.endsWith("\n") && piece.length < 70_000, String(piece.length));
  const rows = pieces
    .join("")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as BgpRoute);
  assert.deepEqual(rows.map(({ prefix }) => prefix).sort(), prefixes.toSorted());
});

test("a query may name a range, and a peer by session, address or what it is told", async (t) => {
  const { ask, world } = await answering(t);
  const count = async (query: Readonly<Record<string, string>>): Promise<number> =>
    (await piecesOf(world, ask("/routes", query))).join("").split("\n").length - 1;
  assert.equal(await count({ within: "172.16.0.0/16" }), 256);
  assert.equal(await count({ peer: "10.0.0.2" }), PREFIXES);
  assert.equal(await count({ peer: "10.0.0.2", direction: "advertised" }), 0);
});

test("what cannot be answered is refused with a reason", async (t) => {
  const { ask, api } = await answering(t);
  const refused = (path: string, query: Readonly<Record<string, string>>, code: string): void =>
    assert.throws(
      () => ask(path, query),
      (thrown) => thrown instanceof ApiError && thrown.code === code,
    );
  refused("/routes", { peer: "10.0.0.9" }, "noSuchPeer");
  refused("/routes", { within: "10.0.0.1/8" }, "notAsked");
  refused("/routes", { peer: "10.0.0.2", direction: "sideways" }, "notAsked");
  refused("/why", {}, "notAsked");
  assert.equal(api.answer("/nothing", new URLSearchParams()), undefined);
});

test("the story joins tables and what becomes of the route", async (t) => {
  const { ask } = await answering(t);
  const answer = ask("/why", { prefix: "172.16.3.7", peer: "10.0.0.2" });
  const { prefix, learned, told } = ("json" in answer ? answer.json : assert.fail()) as Record<string, unknown>;
  assert.equal(prefix, "172.16.3.0/24");
  assert.deepEqual(learned, { rejected: "it is in no pool" });
  assert.equal((told as { outcome: string }[])[0]?.outcome.startsWith("it comes from an internal peer"), true);
});

test("a peer that has vanished is a danger at once, and one that is down is with the reason", async (t) => {
  const { ask, api, world, left, right } = await answering(t);
  assert.deepEqual(await api.dangers(), { dangers: [], reports: [] });
  world.network.silence(left.routerId, right.routerId);
  const asked = api.dangers();
  const answer = ask("", { unanswered: "1" });
  await world.clock.advance(2_000);
  const { bgp } = (await ("json" in answer ? answer.json : assert.fail())) as { bgp: BgpReport };
  const [finding] = bgp.sessions[0]?.findings ?? [];
  assert.deepEqual([finding?.kind, finding?.what], ["unanswered", "its host answers nothing at this moment"]);
  assert.match(finding?.remedy ?? "", /'ping 10\.0\.0\.2'/);
  assert.match((await asked).dangers.join(), /^10\.0\.0\.2 does not answer: .* it told 3000 prefixes/);
  await world.until("the end of the hold time", () => !left.isUp("10.0.0.2"), 300_000);
  assert.match((await api.dangers()).dangers.join(), /^10\.0\.0\.2 is down \(.*Hold Timer Expired/);
});

test("who listens hears the peer that was asked for, until the end", async (t) => {
  const { ask, world, right, left } = await answering(t);
  const answer = ask("/log", { peer: "10.0.0.2" });
  const lines: string[] = [];
  const end = "live" in answer ? answer.live((line) => lines.push(line)) : assert.fail();
  right.originate("192.168.1.0/26");
  await world.until("the change", () => left.best.size === 1);
  const heard = lines.map((line) => JSON.parse(line) as { session: string; direction: string; text: string });
  assert.ok(
    heard.some(
      ({ direction, text: words }) => direction === "received" && /announces 1: 192\.168\.1\.0\/26/.test(words),
    ),
  );
  assert.ok(heard.every(({ session }) => session === "10.0.0.2"));
  end();
  const before = lines.length;
  right.originate("192.168.2.0/26");
  await world.until("another change", () => left.best.has("192.168.2.0/26"));
  assert.equal(lines.length, before);
});
