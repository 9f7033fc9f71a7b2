/** Errors in OPEN, each with its NOTIFICATION (RFC 4271 section 6.2), and parameters in all their forms. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { contextOf, messageOctets, octetsOf, updateOctets } from "../../testing/bgp-values.ts";
import { AttributeTable } from "./attribute-table.ts";
import { contextBeforeOpen } from "./codec-context.ts";
import { decodeMessage, encodeMessage } from "./message-codec.ts";
import type { Capability, Open } from "./types.ts";

/** Version 4, AS 65001, 90 seconds, 10.0.0.1. */
const HEAD = "04 fde9 005a 0a000001";

interface Refused {
  readonly what: string;
  readonly body: string;
  readonly subcode: number;
  readonly data?: string;
  readonly field: string;
}

const refused: readonly Refused[] = [
  { what: "version 3", body: "03 fde9 005a 0a000001 00", subcode: 1, data: "0004", field: "open.version" },
  { what: "AS 0", body: "04 0000 005a 0a000001 00", subcode: 2, field: "open.asn" },
  {
    what: "AS 0 where two octets are",
    body: "04 0000 005a 0a000001 08 02 06 41 04 0000fde9",
    subcode: 2,
    field: "open.asn",
  },
  { what: "AS 0 of four octets", body: `${HEAD} 08 02 06 41 04 00000000`, subcode: 2, field: "open.asn" },
  { what: "a hold time of a second", body: "04 fde9 0001 0a000001 00", subcode: 6, field: "open.holdTime" },
  { what: "a hold time of two seconds", body: "04 fde9 0002 0a000001 00", subcode: 6, field: "open.holdTime" },
  { what: "router id 0 (RFC 6286)", body: "04 fde9 005a 00000000 00", subcode: 3, field: "open.routerId" },
  { what: "authentication", body: `${HEAD} 03 01 01 00`, subcode: 4, field: "open.parameters.type" },
  {
    what: "parameters that exceed the message",
    body: `${HEAD} 05 02 02 02 00`,
    subcode: 0,
    field: "open.parameters.length",
  },
  { what: "octets behind the parameters", body: `${HEAD} 00 00`, subcode: 0, field: "open.parameters.length" },
  { what: "a parameter that exceeds its list", body: `${HEAD} 03 02 02 02`, subcode: 0, field: "open.parameters" },
  {
    what: "a capability that exceeds its parameter",
    body: `${HEAD} 04 02 02 02 01`,
    subcode: 0,
    field: "open.parameters",
  },
  { what: "a capability cut short", body: `${HEAD} 03 02 01 02`, subcode: 0, field: "open.parameters" },
  {
    what: "multiprotocol of three octets",
    body: `${HEAD} 07 02 05 01 03 000100`,
    subcode: 0,
    field: "open.capabilities",
  },
  { what: "four-octet AS of two octets", body: `${HEAD} 06 02 04 41 02 fde9`, subcode: 0, field: "open.capabilities" },
  {
    what: "graceful restart of three octets",
    body: `${HEAD} 07 02 05 40 03 000000`,
    subcode: 0,
    field: "open.capabilities",
  },
  { what: "route refresh with a value", body: `${HEAD} 05 02 03 02 01 00`, subcode: 0, field: "open.capabilities" },
];

for (const { what, body, subcode, data = "", field } of refused) {
  test(`an OPEN with ${what} is refused`, () => {
    const decoded = decodeMessage(messageOctets(1, body), contextOf());
    assert.ok(!decoded.ok);
    assert.equal(decoded.error.code, "badOpen");
    assert.equal(decoded.error.detail.field, field);
    assert.deepEqual(decoded.error.detail.notification, {
      type: "notification",
      code: 2,
      subcode,
      data: octetsOf(data),
    });
  });
}

const openFrom = (body: string): Open => {
  const decoded = decodeMessage(messageOctets(1, body), contextOf());
  assert.ok(decoded.ok && decoded.message.type === "open");
  return decoded.message;
};

test("a hold time of 0 is none", () => {
  assert.equal(openFrom("04 fde9 0000 0a000001 00").holdTimeSeconds, 0);
});

test("a family that we do not speak is kept as octets", () => {
  assert.deepEqual(openFrom(`${HEAD} 08 02 06 01 04 00190041`).capabilities, [
    { kind: "other", code: 1, octets: octetsOf("00190041") },
  ]);
});

test("long parameters are read whatever the short length says (RFC 9072)", () => {
  for (const short of ["ff", "05"]) {
    assert.deepEqual(openFrom(`${HEAD} ${short} ff 0005 02 0002 0200`).capabilities, [{ kind: "routeRefresh" }]);
  }
});

test("capabilities beyond 255 octets are written with long parameters, and an AS beyond 65535 as AS_TRANS", () => {
  const other = (code: number): Capability => ({ kind: "other", code, octets: new Uint8Array(125) });
  const open: Open = {
    type: "open",
    version: 4,
    asn: 4200000001,
    holdTimeSeconds: 90,
    routerId: openFrom(`${HEAD} 00`).routerId,
    capabilities: [other(200), other(201), { kind: "fourOctetAs", asn: 4200000001 }],
  };
  const octets = encodeMessage(open);
  assert.deepEqual(octets.subarray(20, 22), octetsOf("5ba0"));
  assert.deepEqual(octets.subarray(28, 30), octetsOf("ffff"));
  assert.deepEqual(decodeMessage(octets, contextOf()), { ok: true, message: open });
});

test("a ROUTE-REFRESH that has to be ignored says why", () => {
  const ignored: readonly (readonly [body: string, why: RegExp])[] = [
    ["00190041", /AFI 25, SAFI 65.*RFC 2918/],
    ["00010301", /subtype 3.*RFC 7313/],
  ];
  for (const [body, why] of ignored) {
    const decoded = decodeMessage(messageOctets(5, body), contextOf());
    assert.ok(decoded.ok && decoded.message.type === "ignored");
    assert.match(decoded.message.why, why);
  }
});

test("the third octet of a ROUTE-REFRESH means nothing unless both know RFC 7313, filters behind it neither", () => {
  const request = { ok: true, message: { type: "routeRefresh", family: 4, subtype: "request" } };
  assert.deepEqual(decodeMessage(messageOctets(5, "00010901"), contextOf({ enhancedRouteRefresh: false })), request);
  assert.deepEqual(decodeMessage(messageOctets(5, "00010001 01 40 0000"), contextOf()), request);
});

test("a beginning of refresh that is too long is answered with the whole message (RFC 7313 section 5)", () => {
  const octets = messageOctets(5, "00010101 00");
  const decoded = decodeMessage(octets, contextOf());
  assert.ok(!decoded.ok);
  assert.deepEqual(decoded.error.detail.notification, { type: "notification", code: 7, subcode: 1, data: octets });
});

test("before OPENs are exchanged nothing is agreed", () => {
  const context = contextBeforeOpen(new AttributeTable());
  const decoded = decodeMessage(updateOctets({ withdrawn: "080a" }), context);
  assert.ok(decoded.ok && decoded.message.type === "update");
  assert.deepEqual(decoded.message.withdrawn, []);
  assert.ok(decodeMessage(messageOctets(1, `${HEAD} 00`), context).ok);
});
