import assert from "node:assert/strict";
import { test } from "node:test";
import { nodeStatusText, type PeerRow, sinceText } from "./node-status.ts";

const peer = (address: string, over: Partial<PeerRow> = {}): PeerRow => ({
  family: 4,
  address,
  type: "node-to-node mesh",
  state: "up",
  since: "18:42:27",
  info: "Established",
  asn: 64512,
  node: "",
  receivedPrefixes: 0,
  flaps: 0,
  ...over,
});

test("three nodes of a mesh look as calicoctl shows them", () => {
  assert.equal(
    nodeStatusText([peer("10.30.1.66"), peer("10.30.0.206"), peer("10.30.0.56")]),
    `Calico process is running.

IPv4 BGP status
+--------------+-------------------+-------+----------+-------------+
| PEER ADDRESS |     PEER TYPE     | STATE |  SINCE   |    INFO     |
+--------------+-------------------+-------+----------+-------------+
| 10.30.0.206  | node-to-node mesh | up    | 18:42:27 | Established |
| 10.30.0.56   | node-to-node mesh | up    | 18:42:27 | Established |
| 10.30.1.66   | node-to-node mesh | up    | 18:42:27 | Established |
+--------------+-------------------+-------+----------+-------------+

IPv6 BGP status
No IPv6 peers found.

`,
  );
});

test("more columns stand behind calicoctl's", () => {
  const rows = [peer("10.30.0.56", { node: "worker-1", receivedPrefixes: 3, flaps: 1 })];
  const lines = nodeStatusText(rows, { isWide: true }).split("\n");
  assert.equal(
    lines[4],
    "| PEER ADDRESS |     PEER TYPE     | STATE |  SINCE   |    INFO     |  AS   |   NODE   | ROUTES | FLAPS |",
  );
  assert.equal(
    lines[6],
    "| 10.30.0.56   | node-to-node mesh | up    | 18:42:27 | Established | 64512 | worker-1 | 3      | 1     |",
  );
});

test("a session that is down says why, and columns widen for it", () => {
  const down = peer("fd00::9", { family: 6, type: "global", state: "start", info: "Active connection refused" });
  const lines = nodeStatusText([down]).split("\n");
  assert.equal(lines[3], "No IPv4 peers found.");
  assert.equal(lines[7], "| PEER ADDRESS | PEER TYPE | STATE |  SINCE   |           INFO            |");
  assert.equal(lines[9], "| fd00::9      | global    | start | 18:42:27 | Active connection refused |");
});

test("without BGP it says so", () => {
  assert.match(nodeStatusText(undefined), /^The BGP backend process \(BIRD\) is not running\.$/m);
});

test("what began today has a time, what is older a date", () => {
  const now = new Date("2026-11-27T20:00:00Z");
  assert.equal(sinceText(new Date("2026-11-27T18:42:27.5Z"), now), "18:42:27");
  assert.equal(sinceText(new Date("2026-11-20T18:42:27Z"), now), "2026-11-20");
});

test("on a terminal a long reason is broken beside what fits, and elsewhere it is not", () => {
  const info = "Active 10.30.0.56 port 179 refused the connection";
  const rows = [peer("10.30.0.206"), peer("10.30.0.56", { state: "start", info })];
  assert.equal(nodeStatusText(rows, { room: 120 }), nodeStatusText(rows));
  assert.deepEqual(nodeStatusText(rows, { room: 80 }).split("\n").slice(3, 11), [
    "+--------------+-------------------+-------+----------+------------------------+",
    "| PEER ADDRESS |     PEER TYPE     | STATE |  SINCE   |          INFO          |",
    "+--------------+-------------------+-------+----------+------------------------+",
    "| 10.30.0.206  | node-to-node mesh | up    | 18:42:27 | Established            |",
    "| 10.30.0.56   | node-to-node mesh | start | 18:42:27 | Active 10.30.0.56 port |",
    "|              |                   |       |          | 179 refused the        |",
    "|              |                   |       |          | connection             |",
    "+--------------+-------------------+-------+----------+------------------------+",
  ]);
});
