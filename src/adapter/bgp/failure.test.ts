import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAddress } from "../../ip/address.ts";
import { failureOf } from "./failure.ts";
import { dropsBetween, parseNetstat } from "./md5-drops.ts";

const context = { address: parseAddress("10.0.0.2"), port: 179, isSigned: false };

test("each errno has its reason and words that name the peer", () => {
  const expected = {
    ECONNREFUSED: "refused",
    EHOSTUNREACH: "unreachable",
    ETIMEDOUT: "timedOut",
    ECONNRESET: "reset",
    EADDRNOTAVAIL: "noLocalAddress",
    EMFILE: "other",
  };
  for (const [errno, reason] of Object.entries(expected)) {
    const failure = failureOf(errno, context);
    assert.equal(failure.reason, reason);
    assert.match(failure.message, /10\.0\.0\.2 port 179/);
  }
});

test("silence is explained by the signatures that the kernel dropped", () => {
  const words = (isSigned: boolean, drops: Partial<Record<"missing" | "unexpected" | "wrong", number>>): string =>
    failureOf("ETIMEDOUT", { ...context, isSigned, md5Drops: { missing: 0, unexpected: 0, wrong: 0, ...drops } })
      .message;
  assert.match(words(true, { wrong: 1 }), /another TCP MD5 password/);
  assert.match(words(true, { missing: 1 }), /is a password set on the peer/);
  assert.match(words(false, { unexpected: 1 }), /this session none/);
  assert.match(words(true, {}), /or the TCP MD5 password is another there/);
  assert.match(words(false, { wrong: 7 }), /or it demands a TCP MD5 password/);
  const reason = (isSigned: boolean, unexpected: number): string =>
    failureOf("ETIMEDOUT", { ...context, isSigned, md5Drops: { missing: 0, unexpected, wrong: 0 } }).reason;
  assert.deepEqual([reason(false, 1), reason(true, 1), reason(false, 0)], ["wrongKey", "timedOut", "timedOut"]);
});

test("the counters are found by their names, wherever the kernel puts them", () => {
  const text = "TcpExt: A TCPMD5Unexpected TCPMD5NotFound TCPMD5Failure\nTcpExt: 9 3 2 1\nIpExt: X\nIpExt: 5\n";
  const drops = parseNetstat(text);
  assert.deepEqual(drops, { missing: 2, unexpected: 3, wrong: 1 });
  assert.deepEqual(dropsBetween(parseNetstat(""), drops), drops);
});
