import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "../../testing/fake-clock.ts";
import { SilentLog } from "../../testing/silent-log.ts";
import { PluginInstallation } from "./plugin-installation.ts";

function fixture() {
  const clock = new FakeClock();
  const log = new SilentLog();
  const host = { attempts: 0, failure: undefined as string | undefined, changes: 0 };
  const installation = new PluginInstallation({
    install: async () => {
      host.attempts++;
      if (host.failure !== undefined) throw new Error(host.failure);
      return "CNI files: written";
    },
    clock,
    log,
    changed: () => {
      host.changes++;
    },
  });
  return { clock, log, host, installation };
}

test("an installation that fails is tried again with growing pauses until it succeeds, and can be read meanwhile", async () => {
  const { clock, log, host, installation } = fixture();
  host.failure = "ENOSPC: no space left on device";
  await installation.begin();
  assert.match(installation.problems.join(), /^the CNI plugin is not installed.*ENOSPC/);
  await installation.begin();
  assert.equal(host.attempts, 1);
  await clock.advance(1_000);
  await clock.advance(1_000);
  assert.equal(host.attempts, 2, "the second pause is longer");
  await clock.advance(1_000);
  assert.equal(host.attempts, 3);
  for (let minutes = 0; minutes < 10; minutes++) await clock.advance(60_000);
  const tried = host.attempts;
  await clock.advance(60_000);
  assert.equal(host.attempts, tried + 1, "never more than a minute");
  assert.equal(log.lines.filter(({ level }) => level === "error").length, 1, "told once");
  host.failure = undefined;
  await clock.advance(60_000);
  assert.deepEqual(installation.problems, []);
  assert.equal(host.changes, 2);
  await clock.advance(600_000);
  assert.equal(host.attempts, tried + 2);
  assert.equal(log.lines.at(-1)?.message, "CNI files: written");
});

test("a closed one tries no more", async () => {
  const { clock, host, installation } = fixture();
  host.failure = "EROFS";
  await installation.begin();
  installation.close();
  await clock.advance(600_000);
  assert.equal(host.attempts, 1);
});
