import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryRefusal, namespaceRefusal } from "./host-check.ts";

const said = "unshare: unshare failed: Operation not permitted";
const settings = (values: Record<string, string>) => (file: string) => values[file];

test("without root the setting that forbids user namespaces is named, and the commands that work", () => {
  const cases: readonly [string, string, string, string][] = [
    [
      "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
      "1",
      "kernel.apparmor_restrict_unprivileged_userns = 1 forbids it",
      "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
    ],
    [
      "/proc/sys/kernel/unprivileged_userns_clone",
      "0",
      "kernel.unprivileged_userns_clone = 0 forbids it",
      "sudo sysctl -w kernel.unprivileged_userns_clone=1",
    ],
    [
      "/proc/sys/user/max_user_namespaces",
      "0",
      "user.max_user_namespaces = 0 forbids it",
      "sudo sysctl -w user.max_user_namespaces=10000",
    ],
  ];
  for (const [file, value, reason, remedy] of cases) {
    const { message, detail } = namespaceRefusal(false, said, settings({ [file]: value }));
    assert.ok(message.includes(reason), message);
    assert.ok(message.includes(said), message);
    assert.deepEqual(detail.remedy.split("\n  or: "), [remedy, "sudo npm start"]);
  }
});

test("where no setting says so, unshare's own words are the reason", () => {
  const free = { "/proc/sys/user/max_user_namespaces": "96365" };
  assert.match(namespaceRefusal(false, said, settings(free)).message, /makes none \(unshare: unshare failed/);
  assert.match(namespaceRefusal(true, said, settings({})).message, /even for root .*--privileged/);
});

test("more hosts than the memory holds are refused with a number that fits, few are tried", () => {
  const GIB = 2 ** 30;
  assert.match(
    memoryRefusal(200, 8 * GIB)?.message ?? "",
    /^200 hosts take some 13\.7 GiB .* 8\.0 GiB are free; 'many-117' fits$/,
  );
  assert.equal(memoryRefusal(117, 8 * GIB), undefined);
  assert.equal(memoryRefusal(10, 0.1 * GIB), undefined);
  assert.match(memoryRefusal(50, 0.1 * GIB)?.message ?? "", /'many-10' fits/);
});
