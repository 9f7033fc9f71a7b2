import assert from "node:assert/strict";
import { test } from "node:test";
import { printFailures, printMatrix, printProofs, printVerdict } from "./matrix.ts";
import type { CheckReport, PairReport, ProbeReport } from "./report.ts";

const plain = (_style: string, text: string): string => text;
const probe = (ok: boolean, size: "small" | "mtu" = "small"): ProbeReport => ({
  protocol: "icmp",
  size,
  octets: size === "small" ? 84 : 1450,
  ok,
  ...(ok ? {} : { reason: "dropped" }),
});
const pair = (from: string, to: string, probes: readonly ProbeReport[], path: PairReport["path"]): PairReport => ({
  from,
  to,
  ok: probes.every(({ ok }) => ok),
  probes,
  path,
  back: path,
  proof: `${path} packet`,
  roundTripMs: 0.123,
  reasons: probes.flatMap(({ reason }) => reason ?? []).slice(0, 1),
});
const report: CheckReport = {
  topology: "t",
  pods: [
    { key: "a", host: "h1", address: "10.0.0.1", mtu: 1450 },
    { key: "b", host: "h2", address: "10.0.0.2", mtu: 1450 },
  ],
  pairs: [pair("a", "b", [probe(true), probe(false, "mtu")], "vxlan"), pair("b", "a", [probe(true)], "vxlan")],
  ok: false,
  tookMs: 1234,
};

test("the matrix shows the path and latency of what works, and how much of what does not", () => {
  assert.deepEqual(printMatrix(report, plain), [
    "  from \\ to        a             b",
    "  a 10.0.0.1 (h1)  ·             1/2",
    "  b 10.0.0.2 (h2)  vxlan 0.12ms  ·",
  ]);
});

test("where there is no room for round trips they are left out", () => {
  assert.deepEqual(printMatrix(report, plain, 30), [
    "  from \\ to        a      b",
    "  a 10.0.0.1 (h1)  ·      1/2",
    "  b 10.0.0.2 (h2)  vxlan  ·",
  ]);
});

test("failures tell which probes fail and why; proofs show one frame for each path", () => {
  assert.deepEqual(printFailures(report, plain), ["a → b: fails: icmp at 1450", "    dropped"]);
  assert.deepEqual(printProofs(report, plain), ["vxlan, as captured on the wire (a → b):", "    vxlan packet"]);
  assert.match(printVerdict(report, plain), /^1 of 2 pairs of 2 pods reach each other/);
  const nobody = { ...report, pods: [], pairs: [] };
  assert.match(printVerdict(nobody, plain), /^nothing to check: a pair takes two pods, and there is none/);
  assert.deepEqual(printMatrix(nobody, plain), ["  from \\ to"]);
});
