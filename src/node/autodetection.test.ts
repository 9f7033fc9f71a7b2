import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseAddress } from "../ip/address.ts";
import { formatPrefix, parseInterfaceAddress } from "../ip/prefix.ts";
import type { HostInterface } from "../port/host-facts.ts";
import { describeCandidate, detect, locate } from "./autodetection.ts";
import { type AutodetectionMethod, formatMethod, parseMethod } from "./autodetection-method.ts";

const nic = (index: number, name: string, addresses: readonly string[], isUp = true): HostInterface => ({
  index,
  name,
  isUp,
  isOperUp: isUp,
  mtu: 1500,
  mac: "",
  addresses: addresses.map(parseInterfaceAddress),
});

const host = [
  nic(1, "lo", ["127.0.0.1/8", "::1/128"]),
  nic(2, "ens5", ["10.30.0.206/24", "fe80::1/64", "2001:db8::5/64"]),
  nic(3, "ens6", ["169.254.9.9/16", "10.40.0.7/16", "10.40.0.8/16"]),
  nic(4, "docker0", ["172.17.0.1/16"]),
  nic(5, "ens7", ["10.50.0.1/24"], false),
  nic(6, "ens8", []),
];

const method = (text: string): AutodetectionMethod => {
  const parsed = parseMethod(text);
  assert.ok("kind" in parsed, text);
  return parsed;
};
const found = (text: string, family: 4 | 6 = 4): string | undefined => {
  const { chosen } = detect(method(text), family, host);
  return chosen && `${chosen.device} ${formatPrefix(chosen)}`;
};

test("first-found walks the interfaces backwards by index, past excluded and down ones", () => {
  assert.equal(found("first-found"), "ens6 10.40.0.7/16");
  assert.equal(found(""), "ens6 10.40.0.7/16");
  assert.equal(found("first-found", 6), "ens5 2001:db8::5/64");
});

test("skip-interface adds to the excluded names, unanchored", () => {
  assert.equal(found("skip-interface=ens6,foo"), "ens5 10.30.0.206/24");
  assert.equal(found("skip-interface=ens"), undefined);
});

test("interface= and cidr= know no default excludes", () => {
  assert.equal(found("interface=docker.*"), "docker0 172.17.0.1/16");
  assert.equal(found("interface=eth.* , ens5"), "ens5 10.30.0.206/24");
  assert.equal(found("cidr=172.16.0.0/12"), "docker0 172.17.0.1/16");
  assert.equal(found("cidr=192.168.0.0/16, 10.30.0.0/16"), "ens5 10.30.0.206/24");
  assert.equal(found("interface=lo"), undefined);
});

test("no method takes the address of a tunnel of this node, which is out of a pool", () => {
  const running = [...host, nic(7, "vxlan.calico", ["10.30.9.64/32"]), nic(8, "tunl0", ["10.30.9.65/32"])];
  const takes = (text: string, reached?: string) =>
    detect(method(text), 4, running, reached === undefined ? undefined : parseAddress(reached)).chosen?.device;
  assert.equal(takes("cidr=10.30.0.0/16"), "ens5", "the pool lies inside");
  assert.equal(takes("interface=vxlan.*,tunl0,ens5"), "ens5");
  assert.equal(takes("can-reach=10.30.9.70", "10.30.9.64"), undefined);
  assert.equal(takes("first-found"), "ens6");
});

test("interface= tries its patterns in order: an earlier one wins over a newer interface", () => {
  assert.equal(found("interface=ens5,ens6"), "ens5 10.30.0.206/24");
  assert.equal(found("interface=ens6,ens5"), "ens6 10.40.0.7/16");
  assert.equal(found("interface=ens8,ens7,docker.*,ens"), "docker0 172.17.0.1/16", "none under the first two");
});

test("can-reach takes the source address with its interface's prefix length", () => {
  const detection = detect(method("can-reach=8.8.8.8"), 4, host, parseAddress("10.30.0.206"));
  assert.equal(detection.chosen && formatPrefix(detection.chosen), "10.30.0.206/24");
  assert.equal(detect(method("can-reach=8.8.8.8"), 4, host).chosen, undefined);
});

test("every candidate is explained in the order it was looked at", () => {
  assert.deepEqual(detect(method("first-found"), 4, host).candidates.map(describeCandidate), [
    "ens8: not taken, it has no IPv4 address",
    "ens7: not taken, the interface is down",
    "docker0: not taken, its name matches ^docker.*, which is always left out",
    "ens6 169.254.9.9/16: not taken, it is link-local",
    "ens6 10.40.0.7/16: chosen, the first address that qualifies, newest interface first",
    "ens6 10.40.0.8/16: not taken, 10.40.0.7/16 on ens6 was found first",
    "ens5 10.30.0.206/24: not taken, 10.40.0.7/16 on ens6 was found first",
    "lo: not taken, its name matches ^lo, which is always left out",
  ]);
});

test("an address is located on its interface", () => {
  assert.equal(locate(host, parseAddress("172.17.0.1"))?.device, "docker0");
  assert.equal(locate(host, parseAddress("54.64.9.64")), undefined);
});

test("methods that are none are refused with what is wrong", () => {
  const errorOf = (text: string) => {
    const parsed = parseMethod(text);
    return "error" in parsed ? parsed.error : undefined;
  };
  assert.match(errorOf("frist-found") ?? "", /is not an autodetection method: use first-found, /);
  assert.match(errorOf("interface=") ?? "", /nothing behind 'interface='/);
  assert.match(errorOf("interface=ens(") ?? "", /has 'ens\('/);
  assert.match(errorOf("cidr=10.0.0.0/33") ?? "", /has '10.0.0.0\/33', which is not a CIDR/);
  assert.match(errorOf("kubernetes-internal-ip") ?? "", /Kubernetes API/);
});

test("any text is a method or an error, and a method prints back", () => {
  const text = fc.oneof(
    fc.string(),
    fc.string().map((tail) => `interface=${tail}`),
    fc.string().map((t) => `cidr=${t}`),
    fc
      .array(fc.tuple(fc.oneof(fc.ipV4(), fc.ipV6()), fc.integer({ min: 0, max: 32 })), { minLength: 1 })
      .map((cidrs) => `cidr=${cidrs.map(([address, length]) => `${address}/${length}`).join(" , ")}`),
  );
  fc.assert(
    fc.property(text, (some) => {
      const parsed = parseMethod(some);
      if ("error" in parsed) assert.notEqual(parsed.error, "");
      else assert.deepEqual(parseMethod(formatMethod(parsed)), parsed);
    }),
  );
});
