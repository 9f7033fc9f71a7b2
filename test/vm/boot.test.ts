/** The start of a virtual machine: `guest/boot.ts`, inside. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runInMachine, whyNoMachines } from "./machine.ts";

test("a virtual machine starts, and its kernel takes what it is told", {
  skip: whyNoMachines() ?? false,
  timeout: 280_000,
}, async () => {
  const tests = await runInMachine("test/vm/guest/boot.ts", 270_000);
  assert.deepEqual(tests, [{ name: "the kernel knows each word that it is booted with", error: "" }]);
});
