/** The words of `ocicat lab` on one running lab, typed as people type them; packets are looked at with tcpdump. */
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import { runs } from "../../src/testing/runs.ts";
import { eventually } from "./eventually.ts";
import { cannotRunLabs, run, Testbed } from "./testbed.ts";

interface Report {
  readonly ok: boolean;
  readonly pairs: readonly {
    readonly from: string;
    readonly to: string;
    readonly ok: boolean;
    readonly path: string;
    readonly back: string;
    readonly reasons: readonly string[];
    readonly probes: readonly { readonly protocol: string; readonly size: string; readonly ok: boolean }[];
  }[];
}

const skip = cannotRunLabs() ?? false;

describe("the words of a lab", { skip, timeout: 600_000, concurrency: false }, () => {
  let bed: Testbed;
  let folder: string;

  before(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-words-"));
    bed = await Testbed.up("aws-two-subnets", "--backend", "vxlan");
    await eventually(async () => assert.equal((await check()).ok, true));
  });
  after(async () => {
    await bed?.close();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  const check = async (...pods: readonly string[]): Promise<Report> =>
    JSON.parse((await bed.ocicat("lab", "check", "-o", "json", ...pods)).stdout) as Report;
  const ok = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await bed.ocicat(...args);
    assert.equal(code, 0, `${args.join(" ")}: ${stdout}${stderr}`);
    return stdout;
  };
  const endsWith =
    (exitCode: number) =>
    async (message: RegExp, ...args: readonly string[]): Promise<void> => {
      const { code, stderr } = await bed.ocicat(...args);
      assert.equal(code, exitCode, args.join(" "));
      assert.match(stderr, message);
    };
  const refused = endsWith(1);
  const misused = endsWith(2);
  /** Why each pair fails, as one text per pair. */
  const reasons = (report: Report) =>
    Object.fromEntries(
      report.pairs.filter((pair) => !pair.ok).map(({ from, to, reasons: why }) => [`${from}→${to}`, why.join("; ")]),
    );

  test("a check tells the six probes of every pair and its proven path, both ways", async () => {
    const report = await check();
    assert.equal(report.pairs.length, 12);
    for (const { from, to, path: there, back, probes } of report.pairs) {
      const isLocal = [from, to].sort().join() === "pod-0,pod-2";
      assert.deepEqual([there, back], isLocal ? ["local", "local"] : ["vxlan", "vxlan"], `${from} → ${to}`);
      assert.deepEqual(
        probes.map(({ protocol, size, ok: passed }) => `${protocol} ${size} ${passed}`),
        ["icmp small true", "icmp mtu true", "tcp small true", "tcp mtu true", "udp small true", "udp mtu true"],
      );
    }
  });

  test("exec gives the command's exit code, terminal, hostname and the host's own files", async () => {
    assert.equal((await bed.tryOn("pod-1", "sh", "-c", "exit 7")).code, 7);
    assert.equal((await bed.tryOn("pod-1", "sh", "-c", "kill -TERM $$")).code, 128 + 15);
    const missing = await bed.tryOn("pod-1", "no-such-tool");
    assert.equal(missing.code, 127);
    assert.match(missing.stderr, /this machine, whose tools a lab uses, has no 'no-such-tool'$/m);
    assert.equal(await bed.on("worker-1", "hostname"), "worker-1\n");
    assert.equal(await bed.on("pod-1", "cat", "/etc/hostname", "/proc/sys/kernel/hostname"), "worker-1\npod-1\n");
    assert.equal(await bed.on("worker-1", "ls", "/run/netns"), "pod-1\n");
    assert.match(await bed.on("worker-1", "getent", "hosts", "worker-3"), /10\.30\.1\.66/);
    assert.equal(await bed.on("pod-1", "ls", "/sys/class/net"), "eth0\nlo\n");
    assert.equal((await bed.tryOn("default/pod-1", "true")).code, 0);
    const late = await bed.shell(`OCICAT_LAB= ocicat lab exec pod-1 --lab ${bed.name} -- echo found`);
    assert.equal(late.stdout, "found\n", late.stderr);
    const tty = await bed.shell("script -qec 'ocicat lab exec pod-1 -- tty' /dev/null </dev/null");
    assert.match(tty.stdout, /\/dev\/pts\/\d+/);
    await refused(
      /no host, pod or router 'pod-9' in this lab \(there is: master, /,
      "lab",
      "exec",
      "pod-9",
      "--",
      "true",
    );
  });

  test("lab env lets ocicat and etcdctl work from the user's own network namespace", async () => {
    const keys = await bed.shell(
      `eval "$(ocicat lab env)"; etcdctl get --prefix --keys-only /calico/resources/v3/projectcalico.org/ippools`,
    );
    assert.match(keys.stdout, /default-ipv4-ippool/);
    const pools = await bed.shell(`eval "$(ocicat lab env)"; unset OCICAT_LAB OCICAT_LAB_DIR; ocicat get ippools`);
    assert.match(pools.stdout, /default-ipv4-ippool/);
  });

  test("pods come with label, address and port, are reached, listed, and go without a trace", async () => {
    const added = await ok(
      "lab",
      "pod",
      "add",
      "web",
      "--on",
      "worker-3",
      "--ip",
      "192.168.97.200",
      "--serve",
      "8080",
      "--label",
      "app=web",
      "--namespace",
      "shop",
    );
    assert.equal(added, "pod shop/web on worker-3 has 192.168.97.200\n");
    assert.match(
      await bed.on("pod-1", "curl", "-s", "--max-time", "5", "192.168.97.200:8080"),
      /^shop\/web \(192\.168\.97\.200\) on worker-3, hello 192\.168\.226\.65/,
    );
    const endpoints = JSON.parse(await ok("get", "workloadendpoints", "-n", "shop", "-o", "json")) as {
      items: { metadata: { labels: object } }[];
    };
    assert.equal((endpoints.items[0]!.metadata.labels as Record<string, string>)["app"], "web");
    assert.match(await ok("lab", "pod", "list"), /^shop +web +worker-3 +192\.168\.97\.200$/m);
    await refused(
      /pod 'shop\/web' exists already/,
      "lab",
      "pod",
      "add",
      "web",
      "--on",
      "worker-3",
      "--namespace",
      "shop",
    );
    await refused(/no host 'worker-9' in this lab/, "lab", "pod", "add", "x", "--on", "worker-9");
    await refused(
      /plugin calico refuses ADD: .*192\.168\.97\.200/,
      "lab",
      "pod",
      "add",
      "x",
      "--on",
      "worker-3",
      "--ip",
      "192.168.97.200",
    );
    await misused(/'No' is not a name/, "lab", "pod", "add", "No", "--on", "worker-3");
    assert.equal(await ok("lab", "pod", "rm", "web"), "pod web removed\n");
    assert.doesNotMatch(await ok("lab", "pod", "list"), /web/);
    assert.equal((await bed.on("worker-3", "ls", "/run/netns")).includes("web"), false);
    const links = await bed.json<{ ifname: string }>("worker-3", "ip", "-j", "link");
    assert.equal(links.filter(({ ifname }) => ifname.startsWith("cali")).length, 1);
    assert.equal((await ok("get", "workloadendpoints", "-n", "shop")).trim().split("\n").length, 1);
  });

  test("apply takes Kubernetes' pods once", async () => {
    const pods =
      "apiVersion: v1\nkind: Namespace\nmetadata: {name: n}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: n}\nspec: {nodeName: worker-1, containers: [{name: c, image: i}]}\n";
    const first = await bed.ocicatWith(pods, "lab", "apply", "-f", "-");
    assert.match(first.stdout, /^pod\/n\/p created on worker-1 with 192\.168\.226\.\d+$/m);
    const second = await bed.ocicatWith(pods, "lab", "apply", "-f", "-");
    assert.match(second.stdout, /^pod\/n\/p unchanged$/m);
    const moved = await bed.ocicatWith(pods.replace("worker-1", "worker-2"), "lab", "apply", "-f", "-");
    assert.match(moved.stderr, /pod 'n\/p' runs on worker-1/);
    const wrong = await bed.ocicatWith(
      "apiVersion: v1\nkind: Pod\nmetadata: {name: q}\nspec: {}\n",
      "lab",
      "apply",
      "-f",
      "-",
    );
    assert.match(wrong.stderr, /-:4: spec.nodeName: is missing/);
    await ok("lab", "pod", "rm", "n/p");
  });

  test("a capture shows the packets of one device in lines, and as a file that tcpdump reads", async () => {
    const file = path.join(folder, "ens5.pcapng");
    const writing = bed.ocicat("lab", "capture", "worker-1/ens5", "-c", "2", "--write", file, "udp", "port", "4789");
    const lines = bed.ocicat(
      "lab",
      "capture",
      "worker-1/ens5",
      "--count",
      "2",
      "inner",
      "(",
      "icmp",
      "and",
      "host",
      "192.168.97.193",
      ")",
    );
    let isDone = false;
    void lines.then(() => {
      isDone = true;
    });
    while (!isDone) await bed.tryOn("pod-1", "ping", "-c", "1", "-W", "1", "192.168.97.193");
    const shown = (await lines).stdout.trim().split("\n");
    assert.equal(shown.length, 2);
    assert.match(
      shown[0]!,
      /^\d\d:\d\d:\d\d\.\d{3} ens5 out 10\.30\.0\.206:\d+ > 10\.30\.1\.66:4789 VXLAN 4096 \(ttl 64, 134 octets\) \| 192\.168\.226\.65 > 192\.168\.97\.193 ICMP echo request id \d+ seq 1/,
    );
    // The writer may have come to its tap after the last of those: it is given packets until it has its two.
    const written = Promise.race([writing, bed.tryOn("pod-1", "ping", "-c", "200", "-i", "0.1", "192.168.97.193")]);
    assert.equal((await written).code, 0);
    assert.equal((await writing).code, 0);
    const text = await run("tcpdump", ["-n", "-r", file, "udp port 4789"]);
    assert.match(text.stdout, /10\.30\.0\.206\.\d+ > 10\.30\.1\.66\.4789: VXLAN, flags \[I\] \(0x08\), vni 4096/);
    assert.match(text.stdout, /ICMP echo request/);
    assert.equal(text.stdout.match(/VXLAN, flags/g)?.length, 2, "as many packets as were asked for");
    await refused(
      /worker-1\/none: no device 'none' \(there is: .*ens5, .*vxlan\.calico/,
      "lab",
      "capture",
      "worker-1/none",
    );
    await misused(/word 1: 'foo' is no word of the filter language/, "lab", "capture", "worker-1", "foo");
  });

  test("faults break what they say, a check tells why, and heal mends all of it", async () => {
    await ok("lab", "break", "link", "worker-2");
    assert.deepEqual(reasons(await check("pod-1", "pod-2")), {
      "pod-1→pod-2": "worker-2's wire is unplugged",
      "pod-2→pod-1": "worker-2's wire is unplugged",
    });
    await ok("lab", "break", "partition", "worker-3");
    const cut = reasons(await check("pod-1", "pod-3"));
    assert.equal(cut["pod-1→pod-3"], "dropped by the partition that cuts worker-1 off");
    await ok("lab", "underlay", "set", "worker-1", "drop=udp/4789");
    await ok("lab", "break", "store");
    await ok("lab", "break", "agent", "worker-1", "worker-3");
    assert.equal(
      (await ok("lab", "underlay", "show")).split("\n").find((line) => line.startsWith("broken:")),
      "broken: store; agent worker-1; agent worker-3; link worker-2; partition worker-3",
    );
    assert.equal((await bed.ocicat("get", "ippools")).code, 1, "the store is away");
    await misused(/'flood' of what\?|'flood' is no fault/, "lab", "break", "flood");
    await refused(/no host 'x'/, "lab", "break", "link", "x");
    await ok("lab", "heal");
    const dropped = reasons(await check("pod-1", "pod-3"));
    assert.equal(dropped["pod-1→pod-3"], "dropped by the filter of UDP port 4789 at worker-1's NIC");
    await ok("lab", "underlay", "set", "worker-1", "drop=none");
    await eventually(async () => assert.equal((await check()).ok, true));
    assert.match(await ok("get", "ippools"), /default-ipv4-ippool/);
  });

  test("an agent that is killed is started again, as an init system does", async () => {
    const pid = async () => {
      const status = JSON.parse(await ok("lab", "status", "-o", "json")) as {
        hosts: { name: string; agentPid?: number; agentReady: boolean }[];
      };
      return status.hosts.find(({ name }) => name === "worker-2")!;
    };
    const { agentPid } = await pid();
    process.kill(agentPid!, "SIGKILL");
    await eventually(async () => {
      const now = await pid();
      assert.ok(now.agentReady && now.agentPid !== undefined && now.agentPid !== agentPid);
    });
    assert.equal((await check()).ok, true);
  });

  test("garbage on the control socket is refused, and the lab goes on", async () => {
    const [lab] = JSON.parse(await ok("lab", "list", "-o", "json")) as { controlSocket: string }[];
    const before = await ok("lab", "status", "-o", "json");
    const name = fc.oneof(
      fc.constantFrom("status", "exec", "pod-add", "check", "capture", "constructor"),
      fc.webPath(),
    );
    const verb = name.filter((text) => text !== "down" && text !== "heal");
    const body = fc.oneof(
      fc.string(),
      fc.json(),
      fc.dictionary(fc.constantFrom("place", "name", "host"), fc.jsonValue()),
    );
    await fc.assert(
      fc.asyncProperty(verb, body, async (path, content) => {
        const data = typeof content === "string" ? content : JSON.stringify(content);
        const url = `http://lab/${path}`;
        const curl = ["-s", "-m", "30", "-o", "/dev/null", "-w", "%{http_code}", "--unix-socket", lab!.controlSocket];
        const { stdout } = await run("curl", [...curl, "--data-binary", "@-", url], { input: data });
        assert.match(stdout, /^(200|400|404)$/, `${path} ${data}`);
      }),
      { numRuns: runs(60) },
    );
    assert.equal(await ok("lab", "status", "-o", "json"), before);
  });

  test("settings that are none are refused with what would be right", async () => {
    await misused(
      /'srcdst=maybe' is no setting of a NIC; settings are srcdst=on\|off/,
      "lab",
      "underlay",
      "set",
      "worker-1",
      "srcdst=maybe",
    );
    await refused(/no pod 'pod-9' in this lab \(there is: pod-0, pod-1/, "lab", "check", "pod-9");
    await refused(/no host 'worker-9' here \(there is: master, /, "verify", "worker-9");
    await misused(/an MTU of 10 octets is none/, "lab", "underlay", "set", "worker-1", "mtu=10");
    await refused(/no topology 'aws-two-subnet' .*did you mean 'aws-two-subnets'\?/, "lab", "up", "aws-two-subnet");
    await refused(/'Bad_Name' is no name for a lab/, "lab", "up", "packet-life", "--name", "Bad_Name");
    const help = await bed.ocicat("lab", "pod", "--help");
    assert.equal(help.code, 0);
    assert.match(help.stdout, /Usage: ocicat lab pod/);
  });
});
