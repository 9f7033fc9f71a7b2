import assert from "node:assert/strict";
import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
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

/** A checkout beside a folder of programs that stand before all others; `setUp` starts its set-up. */
function checkout(t: TestContext, npm: string) {
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
  write(within("bin/npm"), npm);
  fs.mkdirSync(within("tmp"));
  const setUp = (options: SpawnOptions = {}) => {
    const env = { ...process.env, PATH: `${within("bin")}:${process.env["PATH"]}`, TMPDIR: within("tmp") };
    const setup = spawn("sh", [within("checkout/tools/setup.sh")], {
      env,
      stdio: ["ignore", "ignore", "pipe"],
      ...options,
    });
    setups.push(setup);
    let said = "";
    setup.stderr?.setEncoding("utf8").on("data", (chunk) => {
      said += chunk;
    });
    return { pid: setup.pid ?? 0, said: () => said, ended: once(setup, "close") };
  };
  return { root, within, setUp };
}

test("of two set-ups at once one installs, the other waits for it; neither leaves a file", { skip }, async (t) => {
  const { within, setUp } = checkout(t, NPM);
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

test("an installation that takes its time says that it goes on, and is silent when it has ended", {
  skip,
}, async (t) => {
  const { within, setUp } = checkout(t, NPM);
  // Ten seconds that pass at once.
  write(within("bin/sleep"), "#!/bin/sh\nexec /bin/sleep 0.02\n");
  const { said, ended } = setUp();
  await eventually(() => assert.match(said(), /^ {2}10 s, still installing\n {2}20 s, still installing$/m));
  write(within("go"), "");
  assert.deepEqual(await ended, [0, null], "nothing holds the pipe any more");
});

test("what npm says is shown when it gives up, and it does not try for minutes", { skip }, async (t) => {
  const { setUp } = checkout(t, '#!/bin/sh\necho "npm error for $*"\nexit 1\n');
  const { said, ended } = setUp();
  assert.deepEqual(await ended, [1, null]);
  assert.match(said(), /^npm error for ci .*--fetch-retries=3 --fetch-retry-factor=2 --fetch-retry-mintimeout=2500$/m);
  assert.match(said(), /npm's reasons are above\n$/);
});

test("in a checkout of another user the remedy is named before npm begins", { skip }, async (t) => {
  const { root, within, setUp } = checkout(t, NPM);
  fs.chmodSync(root, 0o755);
  fs.chmodSync(within("checkout"), 0o555);
  const { said, ended } = setUp(process.geteuid?.() === 0 ? { uid: 65_534 } : {});
  assert.deepEqual(await ended, [1, null]);
  assert.match(said(), /^ocicat: \S+\/checkout belongs to (\S+), and \S+ may not write there: .*sudo -u \1 …/);
  assert.equal(fs.existsSync(within("npm-runs")), false);
  fs.chmodSync(within("checkout"), 0o755);
});
