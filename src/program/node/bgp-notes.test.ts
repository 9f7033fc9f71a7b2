import assert from "node:assert/strict";
import { test } from "node:test";
import { keys } from "../../compile/keys.ts";
import { SilentLog } from "../../testing/silent-log.ts";
import { BgpNotes } from "./bgp-notes.ts";

test("each note is logged once, when all is settled, and again when it has been away", () => {
  const log = new SilentLog();
  const notes = new BgpNotes(log);
  const said = () => log.lines.map(({ level, message }) => `${level} ${message}`);
  notes.compiled(keys.bgpNode("worker-2"), ["two nodes"]);
  notes.compiled(keys.host, ["a firewall"]);
  notes.configured(["a password"]);
  assert.deepEqual(notes.lines, ["a password", "two nodes"]);
  assert.deepEqual(said(), []);
  notes.settled();
  notes.settled();
  assert.deepEqual(said(), ["warn a password", "warn two nodes"]);
  notes.compiled(keys.bgpNode("worker-2"));
  notes.settled();
  assert.deepEqual(notes.lines, ["a password"]);
  notes.compiled(keys.bgpNode("worker-2"), ["two nodes"]);
  notes.settled();
  assert.deepEqual(said().slice(2), ["warn two nodes"]);
});
