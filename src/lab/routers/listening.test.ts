import assert from "node:assert/strict";
import { test } from "node:test";
import { listensOn } from "./listening.ts";

const TABLE = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:00B3 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0000000000000000 100 0 0 10 0
   1: 0100007F:0016 0200007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 2 1 0000000000000000 20 4 30 10 -1
`;

test("a listening socket counts, a connection from that port does not", () => {
  assert.equal(listensOn(TABLE, 179), true);
  assert.equal(listensOn(TABLE, 22), false);
  assert.equal(listensOn("  sl  local_address rem_address   st\n", 179), false);
});

test("IPv6 addresses are longer", () => {
  assert.equal(listensOn(`   0: ${"0".repeat(32)}:00B3 ${"0".repeat(32)}:0000 0A`, 179), true);
});
