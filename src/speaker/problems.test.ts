import assert from "node:assert/strict";
import { test } from "node:test";
import { judgeOpen } from "../bgp/session/negotiate.ts";
import { parseAddress } from "../ip/address.ts";
import { openMessage, peerFacts, sessionConfig } from "../testing/bgp-samples.ts";
import { type Known, problemsOf } from "./problems.ts";

/** Sessions that are up, with one and the same router. */
function known(...addresses: readonly string[]): readonly Known[] {
  const judged = judgeOpen(openMessage(), { ...peerFacts(), dials: true, redialSeconds: 1 });
  assert.ok(judged.isAccepted);
  return addresses.map((address) => ({
    config: sessionConfig({ name: address, peer: { address: parseAddress(address), port: 179, asn: 64512 } }),
    negotiated: judged.negotiated,
  }));
}

const problems = (...addresses: readonly string[]): readonly string[] => [
  ...problemsOf(known(...addresses), () => false).keys(),
];

test("a peer with a session of each family is one peer, two of one family with its router id are two", () => {
  assert.deepEqual(problems("10.0.0.2", "fd00::2"), []);
  assert.deepEqual(problems("10.0.0.2", "10.0.0.3", "fd00::2"), ["10.0.0.3", "10.0.0.2"]);
});
