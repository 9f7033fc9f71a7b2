import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAddress } from "../../ip/address.ts";
import { parseBgpFile } from "../../program/bgp/config-file.ts";
import { torPerRack } from "../topologies/tor-per-rack.ts";
import { type BgpRouter, bgpRouterOf } from "../topology.ts";
import { speakerFiles } from "./speaker-files.ts";

const router: BgpRouter = bgpRouterOf(torPerRack, "tor-1")!;

test("our own speaker reads its file: who it is, its neighbours, routes into the kernel", () => {
  const { speaker, kernel } = parseBgpFile(speakerFiles(router)["router.yaml"] ?? "", "router.yaml");
  assert.deepEqual([speaker.localAs, speaker.routerId, kernel], [65001, parseAddress("10.60.1.1"), true]);
  assert.deepEqual(
    [...speaker.sessions.values()].map(({ peer }) => peer),
    [
      { address: parseAddress("10.60.1.11"), port: 179, asn: 64601 },
      { address: parseAddress("10.60.1.12"), port: 179, asn: 64601 },
      { address: parseAddress("10.60.255.5"), port: 179, asn: 65000 },
    ],
  );
  const alone = speakerFiles({ ...router, neighbours: [] })["router.yaml"] ?? "";
  assert.equal(parseBgpFile(alone, "router.yaml").speaker.sessions.size, 0);
});

test("BIRD and FRR are told the same, in files of their own", () => {
  const bird = speakerFiles({ ...router, speaker: "bird" });
  assert.deepEqual(Object.keys(bird), ["bird.conf"]);
  assert.match(
    bird["bird.conf"] ?? "",
    /protocol bgp n10_60_255_5 \{\n {2}local as 65001;\n {2}neighbor 10\.60\.255\.5 as 65000;/,
  );
  const frr = speakerFiles({ ...router, speaker: "frr" });
  assert.deepEqual(Object.keys(frr), ["run/frr/zebra.conf", "run/frr/bgpd.conf"]);
  assert.match(frr["run/frr/bgpd.conf"] ?? "", /^router bgp 65001\n bgp router-id 10\.60\.1\.1$/m);
  assert.match(frr["run/frr/bgpd.conf"] ?? "", /^ neighbor 10\.60\.1\.12 remote-as 64601$/m);
});
