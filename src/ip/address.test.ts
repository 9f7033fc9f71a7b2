import assert from "node:assert/strict";
import net from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { runs } from "../testing/runs.ts";
import {
  addOffset,
  addressFromOctets,
  addressOctets,
  formatAddress,
  type IpAddress,
  ipv4Of,
  ipv6Of,
  parseAddress,
  tryParseAddress,
  tryParseIpv4,
  tryParseIpv6,
} from "./address.ts";

const ipv4 = fc.nat(0xffffffff).map(ipv4Of);
const ipv6 = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }).map(ipv6Of);
/** IPv6 addresses with runs of zeros, where the short form has its rules. */
const sparseIpv6 = fc
  .array(fc.constantFrom(0n, 0n, 0n, 1n, 0xabcdn), { minLength: 8, maxLength: 8 })
  .map((groups) => ipv6Of(groups.reduce<bigint>((value, group) => (value << 16n) | group, 0n)));
const address: fc.Arbitrary<IpAddress> = fc.oneof(ipv4, ipv6, sparseIpv6);

test("text and value are one for every address", () => {
  fc.assert(fc.property(address, (value) => assert.equal(parseAddress(formatAddress(value)), value)));
});

test("octets and value are one for every address", () => {
  fc.assert(fc.property(address, (value: IpAddress) => assert.equal(addressFromOctets(addressOctets(value)), value)));
});

test("IPv6 text is RFC 5952's", () => {
  const canonical = (text: string) => new URL(`http://[${text}]/`).hostname.slice(1, -1);
  fc.assert(
    fc.property(fc.oneof(ipv6, sparseIpv6), (value) =>
      assert.equal(formatAddress(value), canonical(formatAddress(value))),
    ),
  );
  for (const [text, short] of [
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["0:0:0:0:0:0:0:0", "::"],
    ["::ffff:10.0.0.1", "::ffff:a00:1"],
    ["2001:DB8::0001", "2001:db8::1"],
    ["1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"],
  ] as const) {
    assert.equal(formatAddress(parseAddress(text)), short);
  }
});

test("what is an address is what the system calls one", () => {
  const nearly = fc.oneof(
    fc.string({ maxLength: 20 }),
    fc.stringMatching(/^[0-9.]{1,16}$/),
    fc.stringMatching(/^[0-9a-f:.]{2,30}$/),
    address.map(formatAddress),
  );
  fc.assert(
    fc.property(nearly, (text) => {
      assert.equal(tryParseIpv4(text) !== undefined, net.isIPv4(text), text);
      assert.equal(tryParseIpv6(text) !== undefined, net.isIPv6(text), text);
    }),
    { numRuns: runs(400) },
  );
});

test("a zone, a length and a leading zero are no address", () => {
  for (const text of ["fe80::1%eth0", "10.0.0.0/8", "10.0.0.01", "10.0.0", "", "1:2:3:4:5:6:7::8:9"]) {
    assert.equal(tryParseAddress(text), undefined, text);
  }
  assert.throws(() => parseAddress("10.0.0.256"), { code: "badAddress", message: "'10.0.0.256' is not an IP address" });
});

test("offsets wrap within the family", () => {
  assert.equal(formatAddress(addOffset(parseAddress("255.255.255.255"), 1)), "0.0.0.0");
  assert.equal(formatAddress(addOffset(parseAddress("10.0.0.255"), 1)), "10.0.1.0");
  assert.equal(formatAddress(addOffset(parseAddress("fd00::ffff"), 1)), "fd00::1:0");
});
