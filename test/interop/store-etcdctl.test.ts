/**
 * Debian's etcdctl on our store and on Debian's etcd: what it prints is the same, but for ids and times. The etcdctl of
 * Debian 12 (3.4) sends a Unix socket's path as authority, which HTTP/2 refuses for absolute paths: it is run beside the socket.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { DebianEtcd } from "../../src/testing/debian-etcd.ts";
import { StoreProcess } from "../../src/testing/store-process.ts";

const missing = DebianEtcd.missing() ?? (spawnSync("etcdctl", ["version"]).error ? "needs etcdctl" : undefined);
const env = { ...process.env, ETCDCTL_API: "3" };
const DEADLINE_MS = 20_000;

/** Where etcdctl runs, and what it is told to reach. */
interface Target {
  readonly cwd: string;
  readonly endpoint: string;
}

function etcdctl(target: Target, args: readonly string[], input = ""): string {
  const { stdout, stderr, status } = spawnSync("etcdctl", ["--endpoints", target.endpoint, ...args], {
    cwd: target.cwd,
    env,
    input,
    encoding: "utf8",
    timeout: DEADLINE_MS,
  });
  return `${stdout}${status === 0 ? "" : `exit ${status}: ${refusal(stderr)}`}`;
}

/** The server's own words; etcdctl puts its log around them. */
const refusal = (stderr: string): string => /^Error: (.*)$/m.exec(stderr)?.[1] ?? stderr;

async function both(t: TestContext): Promise<{ ours: Target; theirs: Target; tcp: Target; store: StoreProcess }> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-ctl-"));
  fs.mkdirSync(path.join(folder, "e"));
  const store = new StoreProcess(folder);
  const etcd = new DebianEtcd(path.join(folder, "e"));
  t.after(async () => {
    await store.stop();
    await etcd.stop();
    fs.rmSync(folder, { recursive: true });
  });
  await Promise.all([store.start(), etcd.start()]);
  return {
    store,
    ours: { cwd: folder, endpoint: `unix://${path.basename(store.socket)}` },
    tcp: { cwd: folder, endpoint: store.address },
    theirs: { cwd: etcd.folder, endpoint: "unix://client:1" },
  };
}

const txn = (compares: string[], success: string[], failure: string[]): string =>
  [...compares, "", ...success, "", ...failure, "", ""].join("\n");

/** In this order, each on the state that the ones before it left. */
const commands: readonly (readonly [args: readonly string[], input?: string])[] = [
  [["put", "a", "1"]],
  [["put", "--prev-kv", "a", "2"]],
  [["put", "b"], "from standard input"],
  [["put", "--ignore-value", "a"]],
  [["put", "--ignore-value", "absent"]],
  [["put", "--ignore-lease", "absent", "x"]],
  [["put", "--lease=123", "a", "x"]],
  [["put", "", "x"]],
  [["put", "/p/1", "one"]],
  [["put", "/p/2", "two"]],
  [["put", "/p/3", "three"]],
  [["put", "ключ", "значение 網 🐱"]],
  [["get", "a"]],
  [["get", "a", "-w", "fields"]],
  [["get", "absent"]],
  [["get", ""]],
  [["get", "--prefix", "/p/"]],
  [["get", "--prefix", "/p/", "--limit=2", "-w", "fields"]],
  [["get", "--prefix", "/p/", "--keys-only"]],
  [["get", "--prefix", "/p/", "--count-only", "-w", "fields"]],
  [["get", "--prefix", ""]],
  [["get", "--from-key", "/p/2"]],
  [["get", "/p/1", "/p/3"]],
  [["get", "--prefix", "", "--sort-by=MODIFY", "--order=DESCEND"]],
  [["get", "--prefix", "", "--sort-by=VALUE", "--order=ASCEND", "--limit=3"]],
  [["get", "--prefix", "", "--sort-by=VERSION", "--order=DESCEND", "--limit=1"]],
  [["get", "--prefix", "", "--sort-by=CREATE"]],
  [["get", "a", "--rev=2"]],
  [["get", "a", "--rev=2", "-w", "fields"]],
  [["get", "--prefix", "/p/", "--rev=6"]],
  [["get", "a", "--rev=99"]],
  [["del", "/p/1", "--prev-kv"]],
  [["del", "absent"]],
  [["del", "--prefix", "/p/"]],
  [["get", "--prefix", "/p/", "--rev=6"]],
  [["txn"], txn(['mod("a") > "0"', 'value("a") = "2"'], ["put c yes", "get a", "del b"], ["put c no"])],
  [["txn"], txn(['version("a") = "9"'], ["put c wrong"], ["get --prefix c", "put d else"])],
  [["txn"], txn(['create("zz") = "0"', 'value("a") != "3"'], ["put e 1", "get e", "get --rev=2 a"], [])],
  [["txn"], txn([], ["put same 1", "put same 2"], [])],
  [["txn"], txn([], ["put same 1", "del --prefix s"], [])],
  [["txn"], txn([], ["get --rev=999 a"], [])],
  [["txn", "-w", "fields"], txn(['value("zz") = ""'], ["put never x"], ["get a"])],
  [["compaction", "5"]],
  [["compaction", "5"]],
  [["compaction", "999"]],
  [["compaction", "--physical", "7"]],
  [["get", "a", "--rev=6"]],
  [["get", "a", "--rev=7"]],
  [["get", "--prefix", "", "-w", "fields"]],
  [["lease", "list"]],
  [["lease", "revoke", "77"]],
  [["lease", "timetolive", "77"]],
  [["alarm", "list"]],
  [["alarm", "disarm"]],
  [["lock", "a-lock", "echo", "held"]],
];

/** What differs by nature. */
const normal = (text: string): string =>
  text
    .replaceAll(/"(ClusterID|MemberID|RaftTerm)" : \d+/g, '"$1" : …')
    .replaceAll(/lease [0-9a-f]{16}\b/g, "lease …")
    .replaceAll(/"Lease" : \d{6,}/g, '"Lease" : …');

test("etcdctl prints of our store what it prints of etcd", { skip: missing ?? false }, async (t) => {
  const { ours, theirs } = await both(t);
  for (const [args, input] of commands) {
    const call = `etcdctl ${args.join(" ")}${input === undefined ? "" : ` <<< ${JSON.stringify(input)}`}`;
    assert.equal(normal(etcdctl(ours, args, input)), normal(etcdctl(theirs, args, input)), call);
  }
});

test("etcdctl's leases work, and take their keys with them", { skip: missing ?? false }, async (t) => {
  const { tcp, ours } = await both(t);
  for (const target of [tcp, ours]) {
    const [, id = ""] =
      /^lease ([0-9a-f]+) granted with TTL\(60s\)/.exec(etcdctl(target, ["lease", "grant", "60"])) ?? [];
    assert.match(id, /^[0-9a-f]{16}$/);
    assert.equal(etcdctl(target, ["put", "--lease", id, "leased", "1"]), "OK\n");
    assert.equal(etcdctl(target, ["put", "--lease", id, "also", "1"]), "OK\n");
    assert.match(etcdctl(target, ["lease", "list"]), new RegExp(`found 1 leases\n${id}\n`));
    assert.match(
      etcdctl(target, ["lease", "timetolive", id, "--keys"]),
      new RegExp(
        `lease ${id} granted with TTL\\(60s\\), remaining\\((59|60)s\\), attached keys\\(\\[also leased\\]\\)`,
      ),
    );
    assert.match(etcdctl(target, ["lease", "keep-alive", "--once", id]), /keepalived with TTL\(60\)/);
    assert.match(etcdctl(target, ["lease", "revoke", id]), /revoked/);
    assert.equal(etcdctl(target, ["get", "--prefix", "", "--keys-only"]), "");
    assert.match(etcdctl(target, ["lease", "keep-alive", "--once", id]), /requested lease not found/);
  }
});

test("etcdctl watches, from now, from the past, with what was before", { skip: missing ?? false }, async (t) => {
  const targets = await both(t);
  const told = async (target: Target): Promise<string[]> => {
    etcdctl(target, ["put", "/w/1", "old"]);
    etcdctl(target, ["put", "/w/1", "new"]);
    const fromNow = watch(target, ["/w/2"]);
    // Until it is there nobody knows from when on it watches: it is tried until it tells.
    while (fromNow.text() === "") {
      etcdctl(target, ["put", "/w/2", "probe"]);
      await fromNow.more(200);
    }
    const fromThen = [
      watch(target, ["/w/1", "--rev=2", "--prev-kv"]),
      watch(target, ["/w/1", "/w/2", "--rev=3"]),
      watch(target, ["-i"], "watch --rev=2 /w/1\nwatch --prefix /nothing\n"),
    ];
    etcdctl(target, ["put", "/w/1", "newer"]);
    etcdctl(target, ["del", "/w/1"]);
    for (const one of fromThen) await one.until(/DELETE\n[^D]*\/w\/1\n\n/);
    fromNow.stop();
    for (const one of fromThen) one.stop();
    assert.match(fromNow.text(), /^(PUT\n\/w\/2\nprobe\n)+$/);
    return fromThen.map((one) => one.text());
  };
  const [ours, theirs] = await Promise.all([told(targets.ours), told(targets.theirs)]);
  assert.deepEqual(ours, theirs);
  assert.match(ours[0] ?? "", /^PUT\n\/w\/1\nold\nPUT\n\/w\/1\nold\n\/w\/1\nnew\nPUT\n/);
  etcdctl(targets.ours, ["compaction", "4"]);
  const late = watch(targets.ours, ["/w/1", "--rev=2"]);
  await late.until(/required revision has been compacted/);
  late.stop();
});

test("etcdctl asks after the health and the members of the store", { skip: missing ?? false }, async (t) => {
  const { tcp, ours, store } = await both(t);
  for (const target of [tcp, ours]) {
    const health = spawnSync("etcdctl", ["--endpoints", target.endpoint, "endpoint", "health"], {
      cwd: target.cwd,
      env,
      encoding: "utf8",
    });
    assert.match(health.stdout + health.stderr, /is healthy: successfully committed proposal/);
    assert.match(
      etcdctl(target, ["member", "list"]),
      /, started, ocicat, , .*unix:\/\/.*,http:\/\/127\.0\.0\.1:\d+, false/,
    );
  }
  const [status] = JSON.parse(etcdctl(tcp, ["endpoint", "status", "-w", "json"])) as [
    { Status: { header: { cluster_id: number; revision: number }; version: string; leader: number; dbSize: number } },
  ];
  assert.equal(status.Status.header.revision, 1);
  assert.equal(status.Status.version, "3.4.0");
  assert.ok(status.Status.dbSize > 0 && status.Status.leader > 0);
  assert.equal(Number(BigInt(`0x${store.clusterId}`)), status.Status.header.cluster_id);
  etcdctl(tcp, ["put", "a", "1"]);
  const [hash] = JSON.parse(etcdctl(tcp, ["endpoint", "hashkv", "-w", "json"])) as [{ HashKV: { hash: number } }];
  assert.equal(typeof hash.HashKV.hash, "number");
  assert.match(etcdctl(tcp, ["defrag"]), /Finished defragmenting/);
  assert.match(etcdctl(tcp, ["snapshot", "save", path.join(tcp.cwd, "snapshot")]), /unknown method Snapshot/);
  assert.equal(etcdctl(tcp, ["--user", "a:b", "get", "x"]), "", "clients go on where authentication is not enabled");
});

interface RunningWatch {
  text(): string;
  /** Resolves when there is more to read, or when it has waited long enough. */
  more(milliseconds: number): Promise<void>;
  until(pattern: RegExp): Promise<void>;
  stop(): void;
}

function watch(target: Target, args: readonly string[], input?: string): RunningWatch {
  const child = spawn("etcdctl", ["--endpoints", target.endpoint, "watch", ...args], { cwd: target.cwd, env });
  let text = "";
  let wake = (): void => {};
  for (const output of [child.stdout, child.stderr]) {
    output.setEncoding("utf8").on("data", (more: string) => {
      text += more;
      wake();
    });
  }
  if (input !== undefined) child.stdin.write(input);
  const more = (milliseconds: number) =>
    new Promise<void>((resolve) => {
      wake = resolve;
      AbortSignal.timeout(milliseconds).onabort = () => resolve();
    });
  return {
    text: () => text,
    more,
    until: async (pattern) => {
      const late = performance.now() + DEADLINE_MS;
      while (!pattern.test(text)) {
        assert.ok(performance.now() < late, `etcdctl watch ${args.join(" ")} has not told ${pattern}: ${text}`);
        await more(1_000);
      }
    },
    stop: () => void child.kill("SIGKILL"),
  };
}
