/** What the kernel of a virtual machine says of its start. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";

test("the kernel knows each word that it is booted with", () => {
  const said = execFileSync("/bin/busybox", ["dmesg"], { encoding: "utf8" });
  const [words = ""] = /Kernel command line: .*/.exec(said) ?? [];
  assert.match(words, / no_timer_check$/);
  assert.deepEqual(/Unknown kernel command line parameters.*/.exec(said), null);
});
