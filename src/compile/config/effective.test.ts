import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { JsonObject } from "../../base/json.ts";
import { selectorMatcher } from "../../selector/matcher.ts";
import { type ConfigInputs, describeSource, effectiveConfig } from "./effective.ts";
import { parseFelixFile } from "./felix-file.ts";
import { parameterKeys, parameters } from "./parameters.ts";
import { formatDuration, parseDuration } from "./parsers.ts";
import { unactedGroups } from "./unacted.ts";

const object = (name: string, spec: JsonObject, creationTimestamp = "2026-01-01T00:00:00Z") => ({
  name,
  value: { metadata: { name, creationTimestamp }, spec },
});

const inputs = (changes: Partial<ConfigInputs> = {}): ConfigInputs => ({
  node: { name: "worker-1", labels: { rack: "a" } },
  objects: [],
  file: undefined,
  environment: {},
  matches: selectorMatcher(),
  ...changes,
});

test("with nothing set every value is the default and says so", () => {
  const { config, sources, problems } = effectiveConfig(inputs());
  assert.equal(config.vxlanVni, 4096);
  assert.equal(config.routeRefreshIntervalMs, 90_000);
  assert.equal(config.vxlanEnabled, undefined);
  assert.ok(parameterKeys.every((key) => sources[key].kind === "default"));
  assert.deepEqual(problems, []);
});

test("each source beats the ones below it, and the value knows its source", () => {
  const levels = [
    object("default", { vxlanPort: 1001 }),
    object("rack-a", { nodeSelector: "rack == 'a'", vxlanPort: 1002 }),
    object("node.worker-1", { vxlanPort: 1003 }),
  ];
  const others = [object("rack-b", { nodeSelector: "rack == 'b'", vxlanPort: 9 }), object("node.x", { vxlanPort: 9 })];
  const file = { path: "/etc/calico/felix.cfg", text: "[global]\nVXLANPort = 1004\n" };
  const environment = { FELIX_VXLANPORT: "1005" };
  const at = (level: number) =>
    effectiveConfig(
      inputs({
        objects: [...levels.slice(0, level), ...others].reverse(),
        ...(level > 3 ? { file } : {}),
        ...(level > 4 ? { environment } : {}),
      }),
    );
  const found = [0, 1, 2, 3, 4, 5].map((level) => {
    const { config, sources } = at(level);
    return [config.vxlanPort, describeSource(sources.vxlanPort)];
  });
  assert.deepEqual(found, [
    [4789, "the default"],
    [1001, "FelixConfiguration(default)"],
    [1002, "FelixConfiguration(rack-a)"],
    [1003, "FelixConfiguration(node.worker-1)"],
    [1004, "/etc/calico/felix.cfg"],
    [1005, "FELIX_VXLANPORT of the environment"],
  ]);
});

test("among objects that select the node the oldest wins", () => {
  const objects = [
    object("young", { nodeSelector: "all()", vxlanVNI: 2 }, "2026-02-01T00:00:00Z"),
    object("old", { nodeSelector: "has(rack)", vxlanVNI: 1 }, "2025-02-01T00:00:00Z"),
  ];
  assert.equal(effectiveConfig(inputs({ objects })).config.vxlanVni, 1);
});

test("a wrong value leaves the next lower source in force and is reported with what, where and the remedy", () => {
  const objects = [
    object("default", { vxlanVNI: 5000 }),
    object("node.worker-1", { vxlanVNI: 0, mtuIfacePattern: "(" }),
  ];
  const { config, problems } = effectiveConfig(inputs({ objects, environment: { FELIX_HEALTHPORT: "99999" } }));
  assert.equal(config.vxlanVni, 5000);
  assert.equal(config.healthPort, 9099);
  assert.equal(config.mtuIfacePattern, parameters.mtuIfacePattern.default);
  assert.deepEqual(
    problems.map(({ kind, message }) => [kind, message]),
    [
      [
        "invalid",
        "FelixConfiguration(node.worker-1) sets VXLANVNI to 0, which is not counted: it must be an integer from 1 to 16777215",
      ],
      [
        "invalid",
        "FelixConfiguration(node.worker-1) sets MTUIfacePattern to '(', which is not counted: it must be a regular expression",
      ],
      [
        "invalid",
        "FELIX_HEALTHPORT of the environment sets HealthPort to '99999', which is not counted: it must be a port from 0 to 65535",
      ],
    ],
  );
});

test("an empty value does not count, and none is the zero value in the environment alone", () => {
  const environment = { FELIX_VXLANVNI: "", FELIX_PROMETHEUSMETRICSHOST: "none", FELIX_REMOVEEXTERNALROUTES: "None" };
  const { config, problems } = effectiveConfig(inputs({ environment }));
  assert.equal(config.vxlanVni, 4096);
  assert.equal(config.prometheusMetricsHost, "");
  assert.equal(config.removeExternalRoutes, false);
  assert.deepEqual(problems, []);
  assert.equal(effectiveConfig(inputs({ environment: { FELIX_VXLANVNI: "none" } })).problems.length, 1);
});

test("what Felix knows and we do not act on is reported; what changes nothing is not", () => {
  const objects = [object("default", { wireguardEnabled: true, bpfLogLevel: "", floatingIPs: "disabled" })];
  const own = object("node.worker-1", { defaultEndpointToHostAction: "Return" });
  const { problems } = effectiveConfig(inputs({ objects: [...objects, own], environment: { FELIX_VXLANVIN: "3" } }));
  assert.deepEqual(
    problems.map(({ kind, parameter }) => [kind, parameter]),
    [
      ["notActedOn", "WireguardEnabled"],
      ["unknown", "VXLANVIN"],
    ],
  );
});

test("a selector that cannot be read takes its object out and says so", () => {
  const { config, problems } = effectiveConfig(
    inputs({ objects: [object("odd", { nodeSelector: "rack ==", vxlanVNI: 7 })] }),
  );
  assert.equal(config.vxlanVni, 4096);
  assert.match(problems[0]!.message, /^FelixConfiguration\(odd\) is not counted: its nodeSelector cannot be read: /);
});

test("timeouts of reporters are read from text and from objects alike", () => {
  const environment = { FELIX_HEALTHTIMEOUTOVERRIDES: "InternalDataplaneMainLoop=2m, FelixStartup=5" };
  const expected = { InternalDataplaneMainLoop: 120_000, FelixStartup: 5_000 };
  assert.deepEqual(effectiveConfig(inputs({ environment })).config.healthTimeoutOverrides, expected);
  const list = [
    { name: "InternalDataplaneMainLoop", timeout: "2m0s" },
    { name: "FelixStartup", timeout: "5s" },
  ];
  const objects = [object("default", { healthTimeoutOverrides: list })];
  assert.deepEqual(effectiveConfig(inputs({ objects })).config.healthTimeoutOverrides, expected);
});

test("no name stands in two tables", () => {
  const rows = unactedGroups.flatMap((group) => group.parameters);
  for (const names of [
    [...parameterKeys.map((key) => parameters[key].name), ...rows.map(([name]) => name)],
    [...parameterKeys.map((key) => parameters[key].field), ...rows.map(([, field]) => field).filter(Boolean)],
  ]) {
    const lower = names.map((name) => name.toLowerCase());
    assert.deepEqual(
      lower.filter((name, index) => lower.indexOf(name) !== index),
      [],
    );
  }
});

test("any value whatever gives a configuration whose values fit the table", () => {
  const values = fc.dictionary(
    fc.constantFrom(...parameterKeys.map((key) => parameters[key].field), "odd"),
    fc.jsonValue(),
  );
  fc.assert(
    fc.property(values, fc.dictionary(fc.string(), fc.string()), fc.string(), (spec, environment, text) => {
      const variables = Object.fromEntries(Object.entries(environment).map(([key, value]) => [`FELIX_${key}`, value]));
      const { config } = effectiveConfig(
        inputs({
          objects: [object("default", spec as JsonObject)],
          environment: variables,
          file: { path: "f", text },
        }),
      );
      for (const key of parameterKeys) {
        const parameter = parameters[key];
        const kind = typeof (parameter.parser.none?.value ?? parameter.default);
        assert.ok(config[key] === undefined || typeof config[key] === kind || kind === "undefined", key);
      }
    }),
  );
});

test("durations are Go's, and print as Go prints them", () => {
  assert.deepEqual(
    ["90s", "1m30s", "1.5h", "500ms", "0", "90", "1h2m3.5s"].map(parseDuration),
    [90_000, 90_000, 5_400_000, 500, 0, 90_000, 3_723_500],
  );
  for (const wrong of ["", "s", "5 s", "-1s", "1x", "1m-3s"]) assert.equal(parseDuration(wrong), undefined, wrong);
  assert.deepEqual([0, 500, 90_000, 5_400_000].map(formatDuration), ["0s", "500ms", "1m30s", "1h30m0s"]);
});

test("the file takes sections, comments, both separators and quotes, and names bad lines", () => {
  const text = '; c\n# c\n[global]\nA = 1\nB: two\n  C="x y"\nnonsense\n';
  assert.deepEqual(parseFelixFile(text), {
    entries: [
      ["A", "1"],
      ["B", "two"],
      ["C", "x y"],
    ],
    badLines: [7],
  });
});
