import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { eventually } from "../test/scenario/eventually.ts";
import { descendants } from "../test/scenario/process-tree.ts";

/** Says that it runs, and installs once a file `go` is there. */
const NPM = `#!/bin/sh
echo "$1" >>../npm-runs
while [ -e ../npm-runs ] && [ ! -e ../go ]; do sleep 0.05; done
mkdir -p node_modules
`;

function write(file: string, text: string): void {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, text, { mode: 0o755 });
}

const skip = os.platform() === "linux" ? false : "needs Linux";

test("of two set-ups at once one installs, the other waits for it; neither leaves a file", { skip }, async (t) => {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-setup-"));
  const setups: ChildProcess[] = [];
  t.after(() => {
    for (const setup of setups) setup.kill("SIGKILL");
    fs.rmSync(root, { recursive: true, force: true });
  });
  const within = (...names: readonly string[]) => path.join(root, ...names);
  write(within("checkout/tools/setup.sh"), fs.readFileSync(path.join(import.meta.dirname, "setup.sh"), "utf8"));
  write(within("checkout/package-lock.json"), "{}");
  write(within("checkout/bin/ocicat"), "#!/bin/sh\n");
  write(within("bin/npm"), NPM);
  fs.mkdirSync(within("tmp"));
  const setUp = () => {
    const env = { ...process.env, PATH: `${within("bin")}:${process.env["PATH"]}`, TMPDIR: within("tmp") };
    const setup = spawn("sh", [within("checkout/tools/setup.sh")], { env, stdio: "ignore" });
    setups.push(setup);
    return { pid: setup.pid ?? 0, ended: once(setup, "exit") };
  };
  const npmRuns = () => fs.readFileSync(within("npm-runs"), "utf8");

  const first = setUp();
  await eventually(() => assert.equal(npmRuns(), "ci\n"));
  const second = setUp();
  await eventually(() =>
    assert.deepEqual(
      descendants(second.pid).map(({ name }) => name),
      ["flock"],
    ),
  );
  write(within("go"), "");
  assert.deepEqual(await Promise.all([first.ended, second.ended]), [
    [0, null],
    [0, null],
  ]);
  assert.equal(npmRuns(), "ci\n");
  assert.deepEqual(fs.readdirSync(within("tmp")), []);
  assert.deepEqual(fs.readdirSync(within("checkout")).sort(), ["bin", "node_modules", "package-lock.json", "tools"]);
});
