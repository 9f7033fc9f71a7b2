import assert from "node:assert/strict";
import { test } from "node:test";
import { messageOf } from "./errors.ts";

test("a message has those of its causes behind it, and of what it stands for where it has none", () => {
  const refused = ["connect ECONNREFUSED ::1:9099", "connect ECONNREFUSED 127.0.0.1:9099"];
  const several = new AggregateError(refused.map((message) => new Error(message)));
  assert.equal(messageOf(several), refused.join("; "));
  assert.equal(messageOf(new Error("no answer", { cause: several })), `no answer: ${refused.join("; ")}`);
  assert.equal(messageOf(new AggregateError([new Error("inner")], "outer")), "outer");
  assert.equal(messageOf("text"), "text");
});
