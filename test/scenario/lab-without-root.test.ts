/**
 * Labs of a user who is not root. Their nodes carry IP-in-IP although there is neither the module nor bpf(2): a process
 * serves `tunl0`. The machine's own /dev/net/tun may be closed to users; the lab sees one that is open, in a mount
 * namespace of its own. Their routers are BIRD and FRR as anywhere.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { whyNoTap } from "../../src/adapter/linux/tap-device.ts";
import { eventually } from "./eventually.ts";
import { OtherUser } from "./other-user.ts";
import { cannotRunLabs, missingSpeaker } from "./testbed.ts";

const TOPOLOGY = `
name: rootless
cluster: { backend: bird, ipipMode: Always, vxlanMode: Never }
subnets: [{ name: lan, router: core, cidr: 10.9.0.0/24, gateway: 10.9.0.1 }]
hosts:
  - { name: a, subnet: lan, address: 10.9.0.11 }
  - { name: b, subnet: lan, address: 10.9.0.12 }
pods: [{ name: web, on: a }, { name: db, on: b }]
`;

const skip = cannotRunLabs() ?? false;
const needsTap = { skip: whyNoTap() ?? false };
const needsSpeakers = { skip: missingSpeaker() ?? false };

describe("a lab without root", { skip, timeout: 300_000, concurrency: false }, () => {
  let root: string;
  let user: OtherUser;

  before(() => {
    root = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-rootless-"));
    fs.chmodSync(root, 0o755);
    user = new OtherUser(path.join(root, "user"));
    fs.writeFileSync(path.join(root, "rootless.yaml"), TOPOLOGY);
    execFileSync("mknod", ["-m", "666", path.join(root, "tun"), "c", "10", "200"]);
  });
  after(async () => {
    await user?.ocicat("lab", "down", "--all");
    fs.rmSync(root, { recursive: true, force: true });
  });

  const asNobody = (...args: readonly string[]) => user.ocicat(...args);
  const up = (tun: string, name: string) =>
    user.ocicatWithTun(path.join(root, tun), "lab", "up", path.join(root, "rootless.yaml"), "--detach", "--name", name);
  const fullMatrix = (lab: string, pairs: number) =>
    eventually(async () => {
      const { code, stdout, stderr } = await asNobody("lab", "check", "--lab", lab);
      assert.equal(code, 0, stdout + stderr);
      assert.match(stdout, new RegExp(`${pairs} of ${pairs} pairs`));
      return stdout;
    }, 60_000);
  const showNode = async (lab: string) => (await asNobody("node", "show", "a", "--lab", lab)).stdout;

  test("a process carries it, survives the agent's death, and is started again after its own", async (t) => {
    const started = await up("tun", "open");
    if (/needs a user namespace/.test(started.stderr)) return t.skip("user namespaces are forbidden here");
    assert.equal(started.code, 0, started.stderr);
    assert.match(await fullMatrix("open", 2), /ipip/);
    assert.match(await showNode("open"), /^IP-in-IP: by a process \(the kernel has no ipip; bpf.*EPERM \(.*\)\)$/m);
    const onHost = async (script: string) =>
      (await asNobody("lab", "exec", "--lab", "open", "a", "--", "sh", "-c", script)).stdout;
    assert.match(await onHost("ip route"), /via 10\.9\.0\.12 dev tunl0 proto bird onlink/);
    const metrics = "curl -s --unix-socket /var/run/calico/ocicat.sock http://agent/metrics";
    await eventually(async () =>
      assert.match(await onHost(metrics), /^ocicat_ipip_process_packets\{outcome="received"\} [1-9]/m),
    );
    const lock = "/var/run/calico/ipip-tun.lock";
    const pid = await onHost(`cat ${lock}`);
    assert.equal((await asNobody("lab", "break", "agent", "a", "--lab", "open")).code, 0);
    await fullMatrix("open", 2);
    assert.equal((await asNobody("lab", "heal", "--lab", "open")).code, 0);
    await fullMatrix("open", 2);
    assert.equal(await onHost(`cat ${lock}`), pid);
    await onHost(`kill -9 $(cat ${lock})`);
    await eventually(async () => assert.notEqual(await onHost(`cat ${lock}`), pid));
    await fullMatrix("open", 2);
    await asNobody("lab", "down", "open");
    await eventually(() => assert.equal(fs.existsSync(`/proc/${pid.trim()}`), false));
  });

  test("where /dev/net/tun is closed, the lab says what helps, and carries by VXLAN", needsTap, async (t) => {
    fs.writeFileSync(path.join(root, "closed"), "", { mode: 0o600 });
    const started = await up("closed", "closed");
    if (/needs a user namespace/.test(started.stderr)) return t.skip("user namespaces are forbidden here");
    assert.equal(started.code, 0, started.stderr);
    assert.match(
      started.stderr,
      /open of \/dev\/net\/tun: EACCES; chmod 666 \/dev\/net\/tun helps.*vxlanMode Always instead/,
    );
    assert.match(await showNode("closed"), /^IP-in-IP: carried by nothing \(.*open of \/dev\/net\/tun: EACCES\)$/m);
  });

  test("BIRD and FRR for routers", needsSpeakers, async (t) => {
    const started = await asNobody("lab", "up", "tor-per-rack-mixed", "--detach", "--name", "mixed");
    if (/needs a user namespace/.test(started.stderr)) return t.skip("user namespaces are forbidden here");
    assert.equal(started.code, 0, started.stderr);
    await fullMatrix("mixed", 12);
    const onRouter = (router: string, ...command: readonly string[]) =>
      asNobody("lab", "exec", "--lab", "mixed", router, "--", ...command);
    const asPaths = await onRouter("tor-2", "vtysh", "-c", "show bgp ipv4 unicast 192.168.113.128/26");
    assert.match(asPaths.stdout, /^ {2}65000 65001 64601$/m);
    const routes = await onRouter("tor-2", "ip", "route");
    assert.match(routes.stdout, /^192\.168\.113\.128\/26 .*via 10\.60\.255\.9 dev spine proto bgp/m);
    await asNobody("lab", "down", "mixed");
  });
});
