import assert from "node:assert/strict";
import { test } from "node:test";
import { goPattern } from "./go-pattern.ts";

const rows: readonly (readonly [source: string, matches: readonly string[], others: readonly string[]])[] = [
  ["eth.*", ["eth0", "veth1"], ["ens5"]],
  ["^(en|wl)[ops][0-9]+", ["ens5", "wlp3s0"], ["eth0"]],
  ["^ens[[:digit:]]+$", ["ens5", "ens192"], ["ens", "ens5d", "ens:"]],
  ["^[[:alpha:]_-]+[^[:alpha:]]$", ["eth0", "a-b1"], ["etha", "0"]],
  ["^[[:punct:]]$", ["-", "/", "[", "]", "~"], ["a", "0", " "]],
  ["^[[:space:]]$", ["\t", "\n", "\r", " "], ["a"]],
  ["(?i)ETH", ["eth0", "Eth1"], ["ens"]],
  ["\\Aeth\\d\\z", ["eth0"], ["veth0", "eth0z", "Aeth0z", "eth0\n"]],
  ["^(?P<kind>en|wl)p", ["enp3"], ["eth"]],
  // A bracket that comes first is a member; one that is open within a class is too; a class without brackets around it is letters.
  ["^[]a]$", ["]", "a"], ["b"]],
  ["^[^]a]$", ["b"], ["]", "a"]],
  ["^[[a]$", ["[", "a"], ["b"]],
  ["^[:alpha:]$", ["a", ":", "l"], ["b"]],
  ["^[\\]a]$", ["]", "a"], ["\\"]],
];

for (const [source, matches, others] of rows) {
  test(`${source} matches what it matches in Go`, () => {
    const pattern = goPattern(source);
    for (const text of matches) assert.match(text, pattern);
    for (const text of others) assert.doesNotMatch(text, pattern);
  });
}

test("what is no pattern, or names no class, is refused", () => {
  for (const source of ["(", "[a", "*", "[[:letter:]]", "[[:^digit:]]"]) {
    assert.throws(() => goPattern(source), SyntaxError, source);
  }
});
