import assert from "node:assert/strict";
import { test } from "node:test";
import { ownersOf } from "./owner.ts";

test("owners of tables are told by their names and chains", () => {
  assert.deepEqual(ownersOf("filter", ["INPUT", "FORWARD", "DOCKER", "DOCKER-USER", "DOCKER-ISOLATION-STAGE-1"]), [
    "Docker",
  ]);
  assert.deepEqual(ownersOf("filter", ["FORWARD", "KUBE-FORWARD", "DOCKER-USER", "ufw-before-forward"]), [
    "kube-proxy",
    "Docker",
    "ufw",
  ]);
  assert.deepEqual(ownersOf("filter", ["INPUT", "FORWARD", "OUTPUT"]), ["iptables"]);
  assert.deepEqual(ownersOf("firewalld", ["filter_FORWARD"]), ["firewalld"]);
  assert.deepEqual(ownersOf("kube-proxy", ["filter-forward"]), ["kube-proxy"]);
  assert.deepEqual(ownersOf("filter", ["forward"]), []);
  assert.deepEqual(ownersOf("mine", ["INPUT"]), []);
});
