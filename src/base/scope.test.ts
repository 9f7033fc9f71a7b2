import assert from "node:assert/strict";
import { test } from "node:test";
import { Scope } from "./scope.ts";

test("closing runs every disposer once, newest first, also past one that throws", async () => {
  const scope = new Scope();
  const ran: string[] = [];
  scope.defer(() => void ran.push("first"));
  scope.defer(() => {
    ran.push("second");
    throw new Error("no");
  });
  scope.defer(async () => void ran.push("third"));
  const closing = scope.close();
  assert.ok(scope.signal.aborted);
  await assert.rejects(closing, AggregateError);
  await assert.rejects(scope.close(), AggregateError);
  assert.deepEqual(ran, ["third", "second", "first"]);
});

test("what is deferred in a closed scope runs at once", async () => {
  const scope = new Scope();
  await scope.close();
  let hasRun = false;
  scope.defer(() => {
    hasRun = true;
  });
  assert.ok(hasRun);
});
