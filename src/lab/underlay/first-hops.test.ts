import assert from "node:assert/strict";
import { test } from "node:test";
import { formatAddress } from "../../ip/address.ts";
import { parsePrefix } from "../../ip/prefix.ts";
import type { RouterLink } from "../topology.ts";
import { firstHops } from "./first-hops.ts";

const link = (one: string, other: string, cidr: string): RouterLink => ({
  between: [one, other],
  cidr: parsePrefix(cidr),
});

const hopsOf = (links: readonly RouterLink[], from: string): Record<string, string> =>
  Object.fromEntries([...firstHops(links, from)].map(([name, address]) => [name, formatAddress(address)]));

test("the first address of a link is its first router's, the next the other's", () => {
  const links = [link("spine", "tor", "10.0.0.4/30")];
  assert.deepEqual(hopsOf(links, "spine"), { tor: "10.0.0.6" });
  assert.deepEqual(hopsOf(links, "tor"), { spine: "10.0.0.5" });
});

test("the shortest way is taken, rings end, and what no link leads to is left out", () => {
  const ring = [link("a", "b", "10.0.0.0/30"), link("b", "c", "10.0.0.4/30"), link("c", "d", "10.0.0.8/30")];
  const links = [...ring, link("d", "a", "10.0.0.12/30"), link("x", "y", "10.0.0.16/30")];
  assert.deepEqual(hopsOf(links, "a"), { b: "10.0.0.2", d: "10.0.0.13", c: "10.0.0.2" });
  assert.deepEqual(hopsOf([], "a"), {});
});
