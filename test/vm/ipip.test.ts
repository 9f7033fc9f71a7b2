/** IP-in-IP against a kernel that has the ipip module: `guest/ipip.ts`, in a virtual machine. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runInMachine, whyNoMachines } from "./machine.ts";

const skip = whyNoMachines() ?? false;
/** A busy machine is no fault. */
const DEADLINE_MS = 270_000;

test("IP-in-IP by BPF, by a process and by the kernel's module, in a virtual machine", {
  skip,
  timeout: 280_000,
}, async (t) => {
  const tests = await runInMachine("test/vm/guest/ipip.ts", DEADLINE_MS);
  for (const { name, error } of tests) await t.test(name, () => assert.equal(error, ""));
  assert.equal(tests.length, 7, "the machine ended before its tests did");
});
