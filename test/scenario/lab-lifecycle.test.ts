/**
 * A lab's life and death, as a user causes them: Ctrl-C, kill -9 of either of its processes, two at once, without root.
 * Whatever happens, nothing of it stays: no process, no namespace, no file on the machine.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { eventually } from "./eventually.ts";
import { OtherUser } from "./other-user.ts";
import { descendants } from "./process-tree.ts";
import { cannotRunLabs, type Outcome, run } from "./testbed.ts";

const checkout = path.resolve(import.meta.dirname, "../..");
const ocicatCommand = path.join(checkout, "bin/ocicat");

/** Two hosts, so that many labs fit into a test. */
const TOPOLOGY = `
name: small
subnets: [{ name: lan, router: core, cidr: 10.9.0.0/24, gateway: 10.9.0.1 }]
hosts:
  - { name: a, subnet: lan, address: 10.9.0.11 }
  - { name: b, subnet: lan, address: 10.9.0.12 }
pods: [{ name: web, on: a }, { name: db, on: b }]
`;

interface LabFile {
  readonly name: string;
  readonly pid: number;
  readonly hosts: readonly { readonly folder: string }[];
}

/** Processes whose command line or environment names the folder: all of a lab's, wherever they ended up. */
function processesOf(folder: string): string[] {
  return fs.readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false;
    try {
      return fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(folder) || isAgentOf(pid, folder);
    } catch {
      // It ended while we looked.
      return false;
    }
  });
}

/** An agent shows its lab only by where its output goes. */
const isAgentOf = (pid: string, folder: string): boolean => fs.readlinkSync(`/proc/${pid}/fd/1`).startsWith(folder);

/** What a lab's hosts have for themselves, and what mounts name the lab: the machine's own must stay as they are. */
function machine(root: string): string {
  const own = "/etc/cni /etc/calico /opt/cni /var/lib/calico /var/lib/cni /var/log/calico /run/calico /run/netns/web";
  const mounts = fs.readFileSync("/proc/mounts", "utf8").split("\n");
  return [
    ...own.split(" ").map((file) => `${file} ${fs.existsSync(file) ? "is there" : "is not there"}`),
    ...mounts.filter((mount) => mount.includes(root)),
  ].join("\n");
}

/** Where the descriptors of a process lead. */
const openFiles = (pid: number): string[] =>
  fs.readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try {
      return fs.readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      return "closed while we looked";
    }
  });

const skip = cannotRunLabs() ?? false;

describe("a lab's life", { skip, timeout: 600_000, concurrency: false }, () => {
  let root: string;
  let topology: string;
  const fronts: ChildProcess[] = [];

  before(() => {
    root = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-life-"));
    fs.chmodSync(root, 0o755);
    topology = path.join(root, "small.yaml");
    fs.writeFileSync(topology, TOPOLOGY);
  });
  after(async () => {
    for (const front of fronts) front.kill("SIGKILL");
    await ocicat("lab", "down", "--all");
    fs.rmSync(root, { recursive: true, force: true });
  });

  const labs = () => path.join(root, "labs");
  const env = () => ({ ...process.env, OCICAT_LAB_DIR: labs() });
  const ocicat = (...args: readonly string[]): Promise<Outcome> =>
    run(ocicatCommand, args, { env: { OCICAT_LAB_DIR: labs() } });
  const up = (...args: readonly string[]) => ocicat("lab", "up", topology, ...args);
  const record = (name: string): LabFile => JSON.parse(fs.readFileSync(path.join(labs(), name, "lab.json"), "utf8"));

  /** A lab that is held by a process in front. */
  async function front(name: string): Promise<ChildProcess> {
    const child = spawn(ocicatCommand, ["lab", "up", topology, "--name", name], {
      env: env(),
      stdio: ["ignore", "pipe", "inherit"],
    });
    fronts.push(child);
    let said = "";
    for await (const chunk of child.stdout!) {
      said += chunk;
      if (said.includes("Ctrl-C")) return child;
    }
    throw new Error(`lab up ended: ${said}`);
  }

  test("Ctrl-C takes the lab down and leaves nothing behind", async () => {
    const before = machine(root);
    const child = await front("ctrl-c");
    assert.equal(machine(root), before, "while it runs, the machine sees nothing of it");
    const folder = path.join(labs(), "ctrl-c");
    child.kill("SIGINT");
    const [code] = await once(child, "exit");
    assert.equal(code, 0);
    assert.deepEqual(processesOf(folder), []);
    assert.equal(fs.existsSync(folder), false);
    assert.equal(machine(root), before);
  });

  test("kill -9 of the process in front takes everything with it; the next start cleans its folder", async () => {
    const child = await front("front-killed");
    const folder = path.join(labs(), "front-killed");
    assert.notDeepEqual(processesOf(folder), []);
    child.kill("SIGKILL");
    await eventually(() => assert.deepEqual(processesOf(folder), []));
    const next = await up("--name", "after-front", "--detach");
    assert.equal(next.code, 0, next.stderr);
    assert.match(next.stderr, /cleaned up after lab 'front-killed', which was killed/);
    assert.equal(fs.existsSync(folder), false);
    await ocicat("lab", "down", "after-front");
  });

  test("a lab whose supervisor was killed ends what holds it with the reason; one that was taken down does not", async () => {
    const held = once(await front("held"), "exit");
    process.kill(record("held").pid, "SIGKILL");
    assert.deepEqual(await held, [1, null]);
    const wanted = once(await front("wanted"), "exit");
    assert.equal((await ocicat("lab", "down", "wanted")).code, 0);
    assert.deepEqual(await wanted, [0, null]);
  });

  test("kill -9 of the supervisor leaves no process, and the lab is no longer listed", async () => {
    const started = await up("--name", "killed", "--detach");
    assert.equal(started.code, 0, started.stderr);
    const folder = path.join(labs(), "killed");
    process.kill(record("killed").pid, "SIGKILL");
    await eventually(() => assert.deepEqual(processesOf(folder), []));
    assert.equal((await ocicat("lab", "list")).stdout.includes("killed"), false);
    const again = await up("--name", "killed", "--detach");
    assert.equal(again.code, 0, again.stderr);
    await ocicat("lab", "down", "killed");
    assert.equal(fs.existsSync(folder), false);
  });

  test("a detached lab keeps nothing open of what its caller had open", async () => {
    const file = path.join(root, "callers");
    // Node keeps the lowest few from its children itself.
    const script = 'exec 9>"$0" 40>"$0" && exec "$@"';
    const words = ["lab", "up", topology, "--name", "detached", "--detach"];
    const started = await run("bash", ["-c", script, file, ocicatCommand, ...words], {
      env: { OCICAT_LAB_DIR: labs() },
    });
    assert.equal(started.code, 0, started.stderr);
    const { pid } = record("detached");
    const programs = descendants(pid);
    assert.equal(programs.length, 3, "the store and two agents");
    for (const one of [pid, ...programs.map((program) => program.pid)]) {
      assert.deepEqual(
        openFiles(one).filter((open) => open === file),
        [],
      );
    }
    await ocicat("lab", "down", "detached");
  });

  test("two labs of one topology run at once, named apart; commands ask which", async () => {
    const both = await Promise.all([up("--detach"), up("--detach")]);
    for (const { code, stderr } of both) assert.equal(code, 0, stderr);
    const { stdout } = await ocicat("lab", "list", "-o", "json");
    const names = (JSON.parse(stdout) as LabFile[]).map(({ name }) => name);
    assert.deepEqual(names, ["small", "small-2"]);
    const asked = await ocicat("lab", "status");
    assert.equal(asked.code, 1);
    assert.match(asked.stderr, /several labs run \(small, small-2\)/);
    for (const name of names) {
      const check = await eventually(async () => {
        const outcome = await ocicat("lab", "check", "--lab", name);
        assert.equal(outcome.code, 0, outcome.stdout);
        return outcome;
      });
      assert.match(check.stdout, /2 of 2 pairs/);
    }
    const taken = await up("--name", "small", "--detach");
    assert.equal(taken.code, 1);
    assert.match(taken.stderr, /a lab 'small' runs already/);
    assert.equal((await ocicat("lab", "down", "--all")).code, 0);
    assert.deepEqual(fs.readdirSync(labs()), []);
  });

  test("without root the same lab runs in a user namespace", async (t) => {
    const user = new OtherUser(path.join(root, "user"));
    const asNobody = (...args: readonly string[]) => user.ocicat(...args);
    const started = await asNobody("lab", "up", topology, "--detach");
    if (/needs a user namespace/.test(started.stderr)) return t.skip("user namespaces are forbidden here");
    t.after(() => asNobody("lab", "down", "--all"));
    assert.equal(started.code, 0, started.stderr);
    const check = await eventually(async () => {
      const outcome = await asNobody("lab", "check");
      assert.equal(outcome.code, 0, outcome.stdout + outcome.stderr);
      return outcome;
    });
    assert.match(check.stdout, /2 of 2 pairs/);
    const exec = await asNobody(
      "lab",
      "exec",
      "a",
      "--",
      "sh",
      "-c",
      "hostname; cat /proc/sys/net/ipv4/ip_forward; ls /etc/cni/net.d; exit 7",
    );
    assert.deepEqual([exec.code, exec.stdout.split("\n").slice(0, 2)], [7, ["a", "1"]]);
    assert.match(exec.stdout, /10-calico.conflist/);
    const nsenter = await asNobody("lab", "exec", "web", "--", "ip", "-br", "address", "show", "dev", "eth0");
    assert.match(nsenter.stdout, /\/32/);
  });

  test("npm start --check prints a full matrix and exits 0, twice at once", async () => {
    const start = () =>
      run("sh", [path.join(checkout, "tools/start.sh"), "--check"], { env: { OCICAT_LAB_DIR: labs() } });
    for (const { code, stdout, stderr } of await Promise.all([start(), start()])) {
      assert.equal(code, 0, stdout + stderr);
      assert.equal(stdout.split("12 of 12 pairs of 4 pods reach each other").length, 4, "there, by VXLAN, and back");
      assert.match(stdout, /pod-2 192\.168\.133\.194/);
      assert.match(
        stdout,
        /ipip, as captured on the wire[\s\S]*The same pods by VXLAN[\s\S]*vxlan, as captured on the wire/,
      );
    }
    assert.deepEqual(fs.readdirSync(labs()), []);
  });

  test("a topology whose pods have no room for VXLAN's headers is shown as it is", async () => {
    const { code, stdout, stderr } = await ocicat("start", "packet-life", "--check");
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /20 of 20 pairs of 5 pods reach each other/);
    assert.doesNotMatch(stdout, /by VXLAN/);
  });

  /** `npm start` until VXLAN is shown; what it says from then on. */
  async function startToVxlan(command: string, args: readonly string[]) {
    const child = spawn(command, args, { cwd: checkout, env: env(), stdio: ["ignore", "pipe", "pipe"] });
    fronts.push(child);
    // Listened for from now on: it may have ended when somebody asks.
    const exit = once(child, "close");
    let said = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk) => {
        said += chunk;
      });
    }
    await eventually(() => assert.match(said, /The same pods by VXLAN/), 120_000);
    return { child, exit, said: () => said };
  }

  test("Ctrl-C while VXLAN is shown ends it there and then", async () => {
    const { child, exit, said } = await startToVxlan(ocicatCommand, ["start"]);
    child.kill("SIGINT");
    const [code] = await exit;
    assert.equal(code, 0, said());
    assert.match(said(), /taking lab 'aws-two-subnets' down\n$/);
    assert.doesNotMatch(said(), /Try, in another terminal/);
    assert.deepEqual(fs.readdirSync(labs()), []);
  });

  test("the lab is taken down from elsewhere while VXLAN is shown: that is what is said", async () => {
    const { exit, said } = await startToVxlan(ocicatCommand, ["start", "--check"]);
    const down = await ocicat("lab", "down", "aws-two-subnets");
    assert.equal(down.code, 0, down.stderr);
    const [code] = await exit;
    assert.equal(code, 130, said());
    assert.match(said(), /lab 'aws-two-subnets' was taken down\n$/);
  });

  test("npm is killed: what it started ends by itself", async () => {
    const { child } = await startToVxlan("npm", ["start"]);
    assert.notDeepEqual(processesOf(labs()), []);
    child.kill("SIGKILL");
    await eventually(() => {
      assert.deepEqual(fs.readdirSync(labs()), []);
      assert.deepEqual(processesOf(labs()), []);
    }, 60_000);
  });

  test("on a terminal the matrix is refreshed in place, and Ctrl-C ends it", async () => {
    // `exec`: a shell that stays would itself die of the Ctrl-C, which the terminal sends to all that run in front.
    const command = `exec ${ocicatCommand} start ${topology}`;
    const script = spawn("script", ["-qefc", command, "/dev/null"], {
      env: env(),
      stdio: ["pipe", "pipe", "inherit"],
    });
    fronts.push(script);
    let said = "";
    script.stdout.on("data", (chunk) => {
      said += chunk;
    });
    const rounds = () => said.split("Ctrl-C ends the lab").length - 1;
    await eventually(() => assert.ok(rounds() >= 2, said), 120_000);
    assert.ok(said.includes("\x1b[J"), "the round before is erased");
    script.stdin.write("\x03");
    const [code] = await once(script, "exit");
    assert.equal(code, 0);
    assert.match(said, /taking lab 'small' down/);
    assert.deepEqual(fs.readdirSync(labs()), []);
  });

  test("Ctrl-C before the lab is ready leaves nothing either", async () => {
    const child = spawn(ocicatCommand, ["lab", "up", topology], { env: env(), stdio: ["ignore", "ignore", "pipe"] });
    fronts.push(child);
    let said = "";
    child.stderr.on("data", (chunk) => {
      said += chunk;
      if (said.includes("store")) child.kill("SIGINT");
    });
    const [code] = await once(child, "exit");
    assert.equal(code, 130, said);
    assert.match(said, /interrupted; nothing was left behind/);
    assert.deepEqual(fs.readdirSync(labs()), []);
    assert.deepEqual(processesOf(labs()), []);
  });
});
