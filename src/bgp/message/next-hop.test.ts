import assert from "node:assert/strict";
import { test } from "node:test";
import { addressOctets, parseAddress } from "../../ip/address.ts";
import { isHostAddress, readNextHops } from "./next-hop.ts";

/** What the octets of these addresses are read as. */
function read(...texts: string[]): string[] | undefined {
  const octets = Uint8Array.from(texts.flatMap((text) => [...addressOctets(parseAddress(text))]));
  const found = readNextHops(new DataView(octets.buffer), 0, octets.length);
  return found && [found.nextHop, found.linkLocalNextHop].map(String);
}

const values = (...texts: (string | undefined)[]): string[] =>
  texts.map((text) => String(text === undefined ? undefined : parseAddress(text)));

test("next hops are read in every form that speakers send", () => {
  assert.deepEqual(read("192.0.2.1"), values("192.0.2.1", undefined));
  assert.deepEqual(read("2001:db8::1"), values("2001:db8::1", undefined));
  assert.deepEqual(read("fe80::1"), values("fe80::1", undefined));
  assert.deepEqual(read("2001:db8::1", "fe80::1"), values("2001:db8::1", "fe80::1"));
  assert.deepEqual(read("fe80::1", "fe80::1"), values("fe80::1", undefined));
  assert.deepEqual(read("::", "fe80::1"), values("fe80::1", undefined));
  assert.deepEqual(read("2001:db8::1", "2001:db8::2"), values("2001:db8::1", undefined));
  assert.equal(read("192.0.2.1", "192.0.2.2"), undefined);
});

test("hosts are told from addresses that are none", () => {
  for (const host of ["1.0.0.1", "192.0.2.1", "223.255.255.255", "2001:db8::1", "fe80::1", "::2"]) {
    assert.ok(isHostAddress(parseAddress(host)), host);
  }
  for (const none of ["0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "255.255.255.255", "::", "::1", "ff02::1"]) {
    assert.ok(!isHostAddress(parseAddress(none)), none);
  }
});
