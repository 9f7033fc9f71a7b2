/** What people see of BGP on a running lab: sessions, routes and their stories, messages, a broken session and its remedy. */
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { eventually } from "./eventually.ts";
import type { Running } from "./running.ts";
import { cannotRunLabs, Testbed } from "./testbed.ts";

const TOPOLOGY = `
name: seeing
subnets:
  - { name: a, cidr: 10.30.0.0/24, gateway: 10.30.0.1 }
  - { name: b, cidr: 10.30.1.0/24, gateway: 10.30.1.1 }
hosts:
  - { name: master, address: 10.30.0.10, subnet: a }
  - { name: worker-1, address: 10.30.0.56, subnet: a }
  - { name: worker-2, address: 10.30.1.66, subnet: b }
pods:
  - { name: pod-1, on: worker-1 }
  - { name: pod-2, on: worker-2 }
cluster: { backend: bird, ipipMode: Always, vxlanMode: Never }
`;
const SESSION = "Mesh_10_30_1_66";

interface Peer {
  readonly host: string;
  readonly name: string;
  readonly node?: string;
  readonly state: string;
  readonly findings: readonly { readonly kind: string }[];
}

describe("seeing BGP", { skip: cannotRunLabs() ?? false }, () => {
  let lab: Testbed;
  let folder: string;

  before(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-seeing-"));
    const file = path.join(folder, "seeing.yaml");
    fs.writeFileSync(file, TOPOLOGY);
    lab = await Testbed.up(file);
    await eventually(async () => {
      const peers = await peersOf("master", "worker-1", "worker-2");
      assert.deepEqual(
        peers.map(({ state }) => state),
        Array(6).fill("Established"),
      );
    }, 60_000);
  });

  after(async () => {
    await lab?.close();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  const said = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await lab.ocicat(...args);
    assert.equal(code, 0, stdout + stderr);
    return stdout;
  };

  async function peersOf(...hosts: readonly string[]): Promise<readonly Peer[]> {
    const reports = JSON.parse(await said("bgp", "peers", ...hosts, "-o", "json")) as {
      host: string;
      sessions: readonly Omit<Peer, "host">[];
    }[];
    return reports.flatMap(({ host, sessions }) => sessions.map((session) => ({ host, ...session })));
  }

  const blockOf = async (host: string): Promise<string> => {
    const routes = await said("bgp", "routes", "--host", host, "-o", "json");
    const own = (JSON.parse(routes) as { prefix: string; from?: string }[]).find(({ from }) => from === undefined);
    return own?.prefix ?? assert.fail(routes);
  };

  test("sessions are named by host and by node, as a table and as documents", async () => {
    const text = await said("bgp", "peers");
    assert.match(text, /^HOST +SESSION +NODE +AS +STATE +SINCE +RECEIVED +FLAPS$/m);
    assert.match(text, /^worker-1 +Mesh_10_30_1_66 +worker-2 +64512 +Established +\S+ +1 +0$/m);
    assert.match(await said("bgp", "peers", "worker-1", "-o", "wide"), /^SESSION .* ROUTER ID +HOLD/m);
    assert.match(await said("bgp", "peers", "worker-1", "-o", "yaml"), /^ *node: worker-2$/m);
    assert.match(await said("node", "status", "worker-1", "-o", "wide"), /\| 10\.30\.1\.66 .* \| worker-2 \| 1 /);
  });

  test("routes: all, within a prefix, of one peer, as received and as told", async () => {
    const [own, theirs] = [await blockOf("worker-1"), await blockOf("worker-2")];
    const all = await said("bgp", "routes", "--host", "worker-1");
    assert.match(all, new RegExp(`^${theirs} +10\\.30\\.1\\.66 +${SESSION} +\\d+ +best$`, "m"));
    const within = await said("bgp", "routes", theirs, "--host", "worker-1");
    assert.equal(within.trim().split("\n").length, 2, within);
    const received = await said("bgp", "routes", "--host", "worker-1", "--peer", "worker-2", "received");
    assert.ok(received.includes(theirs) && !received.includes(own), received);
    const told = await said("bgp", "routes", "--host", "worker-1", "--peer", "worker-2", "advertised");
    assert.match(told, new RegExp(`^${own} .* announced$`, "m"));
    assert.ok(!told.includes(theirs), told);
  });

  test("the story of an address goes from the peer to the kernel, and on to another peer", async () => {
    const theirs = await blockOf("worker-2");
    const address = theirs.replace(/\/.*/, "");
    const story = await said("bgp", "why", address, "--host", "worker-1", "--peer", "master");
    const [first, ...rest] = story.split("\n").map((line) => line.trim());
    assert.equal(first, `${theirs} on worker-1, the longest prefix that covers ${address}/32`);
    const kernel = await said("lab", "exec", "worker-1", "--", "ip", "route", "show", theirs);
    const route = kernel.trim();
    assert.match(route, /via 10\.30\.1\.66 dev tunl0 proto bird onlink/);
    assert.ok(rest.includes(`from ${SESSION}: best`), story);
    assert.ok(rest.includes(`becomes ${route}`), story);
    assert.ok(rest.includes(`kernel: ${route} (by learned ${theirs})`), story);
    assert.ok(
      rest.some((line) => /^to Mesh_10_30_0_10: it comes from an internal peer, and neither/.test(line)),
      story,
    );
    assert.match(await said("bgp", "why", "203.0.113.1", "--host", "worker-1"), /no peer has told of it/);
  });

  test("what cannot be answered says what can", async () => {
    const stranger = await lab.ocicat("bgp", "explain", "10.99.0.1");
    assert.equal(stranger.code, 1);
    assert.match(stranger.stderr, /no session to '10\.99\.0\.1' on master, worker-1, worker-2: 'ocicat bgp peers'/);
    const prefix = await lab.ocicat("bgp", "why", "10.0.0.1/8", "--host", "worker-1");
    assert.match(prefix.stderr, /'10\.0\.0\.1\/8' is neither an address nor a CIDR/);
    assert.match((await lab.ocicat("bgp", "render")).stderr, /name one of master, worker-1, worker-2/);
  });

  test("a bird.conf of the node names its sessions and the way through the tunnel", async () => {
    const text = await said("bgp", "render", "worker-1");
    assert.match(text, /^protocol bgp 'Mesh_10_30_1_66' \{$/m);
    assert.match(text, /^ {2}route 10\.30\.1\.66\/32 via 10\.30\.1\.66%'tunl0' onlink;$/m);
  });

  test("a CalicoNodeStatus is filled by the node that it names", async () => {
    const spec = "node: worker-1, classes: [Agent, BGP, Routes], updatePeriodSeconds: 10";
    const object = `{apiVersion: projectcalico.org/v3, kind: CalicoNodeStatus, metadata: {name: w1}, spec: {${spec}}}`;
    const applied = await lab.ocicatWith(object, "apply", "-f", "-");
    assert.doesNotMatch(applied.stderr, /does not act/);
    const theirs = await blockOf("worker-2");
    await eventually(async () => {
      const { status } = JSON.parse(await said("get", "nodestatus", "w1", "-o", "json")) as {
        status: { bgp: { numberEstablishedV4: number }; routes: { routesV4: readonly { destination: string }[] } };
      };
      assert.equal(status.bgp.numberEstablishedV4, 2);
      const learnedFrom = { sourceType: "NodeMesh", peerIP: "10.30.1.66" };
      const route = { type: "FIB", destination: theirs, gateway: "10.30.1.66", interface: "tunl0", learnedFrom };
      const found = status.routes.routesV4.filter(({ destination }) => destination === theirs);
      assert.deepEqual(found, [route]);
    }, 30_000);
  });

  test("probes and metrics speak of BGP", async () => {
    const metrics = await said(
      "lab",
      "exec",
      "worker-1",
      "--",
      "curl",
      "-s",
      "--unix-socket",
      "/var/run/calico/ocicat.sock",
      "http://agent/metrics",
    );
    assert.match(metrics, /^ocicat_bgp_sessions\{state="established"\} 2$/m);
    assert.match(metrics, /^ocicat_bgp_prefixes\{kind="received"\} 2$/m);
    const ocicat = path.resolve(import.meta.dirname, "../../bin/ocicat");
    await said("lab", "exec", "worker-1", "--", ocicat, "node", "-bird-live", "-bird-ready", "-bird6-ready");
  });

  test("messages are shown as they pass, and a session that is down is explained until it is up again", async () => {
    const log: Running = lab.running("bgp", "log", "worker-1", "--peer", "worker-2");
    await log.says(/listening/);
    await said("lab", "break", "agent", "worker-2");
    await eventually(async () => {
      const peer = (await peersOf("worker-1")).find(({ name }) => name === SESSION);
      assert.ok(peer && peer.state !== "Established" && peer.findings.length > 0, JSON.stringify(peer));
    }, 60_000);
    const text = await said("bgp", "explain", "worker-2", "--host", "worker-1");
    assert.match(
      text,
      new RegExp(`^${SESSION} on worker-1: 10\\.30\\.1\\.66 port 179 \\(node worker-2\\), node-to-node mesh$`, "m"),
    );
    assert.match(text, /^ {2}Why: {12}.+\n {2}Remedy: {9}.+$/m);
    assert.match(await said("bgp", "peers", "worker-1"), new RegExp(`^why: worker-1: ${SESSION}: .+$`, "m"));
    const status = await lab.ocicat("node", "status", "worker-2", "worker-1");
    assert.match(status.stdout, /^worker-1:\nCalico process is running\.$/m);
    await said("lab", "heal");
    await log.says(/< OPEN version 4, AS 64512.*UPDATE announces 1: /s, 60_000);
    await log.end("SIGINT");
    await eventually(async () => {
      const peer = (await peersOf("worker-1")).find(({ name }) => name === SESSION);
      assert.deepEqual([peer?.state, peer?.findings], ["Established", []]);
    }, 60_000);
  });
});
