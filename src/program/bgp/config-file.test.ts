import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAddress } from "../../ip/address.ts";
import { codeOf } from "../../testing/speaker-world.ts";
import { parseBgpFile } from "./config-file.ts";

const least = "as: 64512\nrouterId: 10.0.0.1\n";

test("a file with AS and router id alone is a router that listens and knows nobody", () => {
  const { speaker, kernel, maxPaths } = parseBgpFile(least, "r.yaml");
  assert.deepEqual(speaker, {
    localAs: 64512,
    routerId: parseAddress("10.0.0.1"),
    listen: { port: 179 },
    sessions: new Map(),
    originated: new Map(),
  });
  assert.deepEqual([kernel, maxPaths], [false, 1]);
});

test("every field of a neighbour arrives in its session", () => {
  const { speaker } = parseBgpFile(
    `${least}listen: false
holdTime: 30
announce: [192.168.0.0/24, "fd00:1::/64"]
neighbours:
  - { address: 10.0.0.2, as: 64512, role: client, gracefulRestart: 120, passive: true, families: [ipv6] }
  - { address: "fd00::2", as: 65001, name: isp, port: 1179, holdTime: 0, password: secret, ttlSecurity: 1,
      localAs: 65000, localAddress: "fd00::1", nextHop: self, allowOwnAs: 1, maxPrefixes: 10, keepalive: 3, connectRetry: 2 }
`,
    "r.yaml",
  );
  assert.equal(speaker.listen, undefined);
  assert.deepEqual([...speaker.originated.keys()], [codeOf("192.168.0.0/24"), codeOf("fd00:1::/64")]);
  const client = speaker.sessions.get("10.0.0.2");
  assert.deepEqual(
    [client?.isReflectorClient, client?.restartTimeSeconds, client?.passive, client?.families, client?.holdTimeSeconds],
    [true, 120, true, [6], 30],
  );
  const isp = speaker.sessions.get("isp");
  assert.ok(isp);
  const { importFilter: _, exportFilter: __, ...rest } = isp;
  assert.deepEqual(rest, {
    name: "isp",
    peer: { address: parseAddress("fd00::2"), port: 1179, asn: 65001 },
    localAs: 65000,
    localAddress: parseAddress("fd00::1"),
    passive: false,
    families: [4, 6],
    holdTimeSeconds: 0,
    keepaliveSeconds: 3,
    connectRetrySeconds: 2,
    isReflectorClient: false,
    nextHop: "self",
    allowedOwnAs: 1,
    password: "secret",
    ttlSecurityHops: 1,
    maxPrefixes: 10,
  });
});

test("what is wrong is named with file, line and field", () => {
  const refused = (text: string): string => {
    try {
      parseBgpFile(text, "r.yaml");
    } catch (failure) {
      return (failure as Error).message;
    }
    return "taken";
  };
  assert.match(refused("routerId: 10.0.0.1\n"), /^r\.yaml, line 1: as: /);
  assert.match(refused("as: 0\nrouterId: 10.0.0.1\n"), /^r\.yaml, line 1: as: it is 1 at least/);
  assert.match(refused("as: 1\nrouterId: fd00::1\n"), /^r\.yaml, line 2: routerId: 'fd00::1' is not an IPv4 address/);
  assert.match(refused(`${least}holdTime: 2\n`), /^r\.yaml, line 3: holdTime: expected seconds: 0/);
  assert.match(
    refused(`${least}neighbors: []\n`),
    /^r\.yaml, line 3: neighbors: there is no such field; did you mean 'neighbours'\?$/,
  );
  assert.match(
    refused(`${least}neighbours:\n  - address: 10.0.0.2\n    as: 1\n    pasword: x\n`),
    /^r\.yaml, line 6: neighbours\.0\.pasword: there is no such field; did you mean 'password'\?$/,
  );
  assert.match(refused(`${least}wrong: 1\n`), /there is no such field$/);
  assert.match(
    refused(`${least}neighbours:\n  - address: 10.0.0.2\n    as: 1\n    role: boss\n`),
    /^r\.yaml, line 6: neighbours\.0\.role: expected peer, or client/,
  );
  assert.match(refused(`${least}---\nas: 2\n`), /expected one document/);
});
