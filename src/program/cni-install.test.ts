import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { Readable, Writable } from "node:stream";
import { type TestContext, test } from "node:test";
import { listenAgentSocket } from "../adapter/agent-socket.ts";
import { noAnswer } from "../cni/no-answer.ts";
import { SilentLog } from "../testing/silent-log.ts";
import { main as cni } from "./cni.ts";
import { main as cniInstall, describeInstall, type InstallOptions, installCni } from "./cni-install.ts";
import type { ProcessHost } from "./process-host.ts";

const folder = (t: TestContext): string => {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-install-"));
  t.after(() => fs.rmSync(root, { recursive: true, force: true }));
  return root;
};

const options = (root: string, more: Partial<InstallOptions> = {}): InstallOptions => ({
  root,
  socketPath: "/var/run/calico/ocicat.sock",
  nodeName: "controlplane",
  env: {},
  ...more,
});

const put = (root: string, file: string, content: string): void => {
  fs.mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
  fs.writeFileSync(path.join(root, file), content, { mode: 0o755 });
};

const list = (root: string, of: string): string[] => fs.readdirSync(path.join(root, of)).sort();
const conflist = (root: string) =>
  JSON.parse(fs.readFileSync(path.join(root, "etc/cni/net.d/10-calico.conflist"), "utf8"));

test("on a host with the standard plugins the folders hold what the founding document shows", (t) => {
  const root = folder(t);
  for (const name of ["bridge", "portmap", "host-local"]) put(root, `/opt/cni/bin/${name}`, name);
  put(root, "/usr/lib/cni/bandwidth", "bandwidth");
  put(root, "/usr/lib/cni/portmap", "another portmap");
  const report = installCni(options(root));
  assert.deepEqual(list(root, "opt/cni/bin"), [
    "bandwidth",
    "bridge",
    "calico",
    "calico-ipam",
    "host-local",
    "install",
    "portmap",
  ]);
  assert.deepEqual(list(root, "etc/cni/net.d"), ["10-calico.conflist"]);
  assert.equal(fs.readFileSync(path.join(root, "opt/cni/bin/portmap"), "utf8"), "portmap", "a foreign file stays");
  assert.equal(fs.statSync(path.join(root, "opt/cni/bin/calico")).mode & 0o777, 0o755);
  assert.equal(fs.statSync(path.join(root, "etc/cni/net.d/10-calico.conflist")).mode & 0o777, 0o600);
  assert.equal(conflist(root).plugins.length, 3);
  assert.equal(conflist(root).plugins[0].nodename, "controlplane");
  assert.deepEqual(report.missing, []);
  assert.deepEqual(installCni(options(root)), { written: [], missing: [] });
  assert.equal(describeInstall({ written: [], missing: [] }), "everything is in place already");
});

test("plugins that the host lacks are left out of the chain and reported, or kept on demand", (t) => {
  const root = folder(t);
  assert.deepEqual(installCni(options(root)).missing, ["portmap", "bandwidth"]);
  assert.deepEqual(
    conflist(root).plugins.map(({ type }: { type: string }) => type),
    ["calico"],
  );
  installCni(options(root, { missingPlugins: "keep" }));
  assert.equal(conflist(root).plugins.length, 3);
});

test("Calico's variables of the installer are honoured", (t) => {
  const root = folder(t);
  put(root, "/etc/cni/net.d/old.conf", "{}");
  put(root, "/etc/cni/net.d/foreign.conf", "{}");
  put(root, "/template", '{"name":"x","mtu":__CNI_MTU__}');
  const env = {
    CNI_MTU: "1440",
    CNI_CONF_NAME: "20-x.conflist",
    CNI_OLD_CONF_NAME: "old.conf",
    CNI_NETWORK_CONFIG: "{}",
    CNI_NETWORK_CONFIG_FILE: "/template",
    SKIP_CNI_BINARIES: "install, bandwidth",
  };
  installCni(options(root, { env }));
  assert.deepEqual(list(root, "etc/cni/net.d"), ["20-x.conflist", "foreign.conf"]);
  assert.deepEqual(list(root, "opt/cni/bin"), ["calico", "calico-ipam"]);
  const text = fs.readFileSync(path.join(root, "etc/cni/net.d/20-x.conflist"), "utf8");
  assert.deepEqual(JSON.parse(text), { name: "x", mtu: 1440 });
  assert.throws(() => installCni(options(root, { env: { CNI_NETWORK_CONFIG_FILE: "/none" } })), { code: "noTemplate" });
  assert.throws(() => installCni(options(root, { processor: "riscv64" })), { code: "unsupportedProcessor" });
  put(root, "/blocked", "a file");
  assert.throws(() => installCni(options(path.join(root, "blocked"))), { code: "notWritable" });
});

/** A host whose output is collected. */
function host(env: Record<string, string>, stdin = ""): ProcessHost & { text(): string } {
  let text = "";
  const sink = new Writable({
    write(chunk, _encoding, done) {
      text += chunk;
      done();
    },
  });
  return {
    env,
    cwd: "/",
    stdin: Readable.from([Buffer.from(stdin)]),
    stdout: sink,
    stderr: sink,
    onSignal: () => undefined,
    text: () => text,
  };
}

test("the command installs below a root and says what it did", async (t) => {
  const root = folder(t);
  const own = host({});
  assert.equal(await cniInstall(["--root", root, "--node", "n1"], own), 0);
  assert.match(own.text(), /written: \/opt\/cni\/bin\/calico, .*\nnot on this host: portmap, bandwidth/);
  assert.equal(conflist(root).plugins[0].nodename, "n1");
  assert.equal(await cniInstall(["--bogus"], host({})), 2);
});

test("the portable form hands calls over as the executable does, and says as much without an agent", async (t) => {
  const socketPath = path.join(folder(t), "agent.sock");
  const away = host({ OCICAT_SOCKET: socketPath, CNI_COMMAND: "STATUS" }, "{}");
  assert.equal(await cni([], away), 1);
  assert.equal(away.text(), noAnswer("STATUS", socketPath).stdout);
  const listening = await listenAgentSocket({
    path: socketPath,
    cni: async ({ program, env, stdin }) => ({ exitCode: 7, stdout: `${program} ${env["CNI_COMMAND"]} ${stdin}` }),
    http: () => undefined,
    log: new SilentLog(),
  });
  t.after(() => listening.close());
  const there = host({ OCICAT_SOCKET: socketPath, CNI_COMMAND: "ADD" }, '{"a":1}');
  assert.equal(await cni(["calico-ipam"], there), 7);
  assert.equal(there.text(), 'calico-ipam ADD {"a":1}');
  assert.equal(await cni(["--help"], host({})), 0);
});
