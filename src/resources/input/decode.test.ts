import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { dump } from "js-yaml";
import { runs } from "../../testing/runs.ts";
import { decodeResources, placeLine, unknownFieldsError } from "./decode.ts";
import { InputError, parseYaml } from "./yaml.ts";

const pool = (spec: string, name = "p") =>
  `apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata:\n  name: ${name}\nspec:\n${spec
    .split("\n")
    .map((line) => `  ${line}`)
    .join("\n")}\n`;

function refused(text: string): InputError {
  try {
    decodeResources(text, "f.yaml");
  } catch (error) {
    assert.ok(error instanceof InputError, String(error));
    return error;
  }
  assert.fail(`accepted: ${text}`);
}

test("documents, lists and arrays become one list of resources", () => {
  const list = `apiVersion: projectcalico.org/v3
kind: IPPoolList
metadata: {resourceVersion: "7"}
items:
- {apiVersion: projectcalico.org/v3, kind: IPPool, metadata: {name: c}, spec: {cidr: 10.3.0.0/16}}
- {apiVersion: projectcalico.org/v3, kind: IPPool, metadata: {name: d}, spec: {cidr: 10.4.0.0/16}}
`;
  const text = `---\n${pool("cidr: 10.1.0.0/16", "a")}---\n# nothing\n---\n${list}---\n- ${JSON.stringify({
    kind: "Node",
    apiVersion: "projectcalico.org/v3",
    metadata: { name: "n" },
  })}\n`;
  const resources = decodeResources(text, "f.yaml");
  assert.deepEqual(
    resources.map(({ row, object, origin }) => [
      row.kind,
      (object["metadata"] as { name: string }).name,
      origin.document,
    ]),
    [
      ["IPPool", "a", 1],
      ["IPPool", "c", 3],
      ["IPPool", "d", 3],
      ["Node", "n", 4],
    ],
  );
});

test("JSON with tabs is taken as it is", () => {
  const text =
    '{\n\t"kind": "IPPool",\n\t"apiVersion": "projectcalico.org/v3",\n\t"metadata": {"name": "j"},\n\t"spec": {"cidr": "10.0.0.0/8"}\n}';
  assert.equal(decodeResources(text, "f.json").length, 1);
});

test("fields are filled in, ordered and left out as Calico does", () => {
  const [resource] = decodeResources(
    pool("natOutgoing: false\ncidr: 10.1.0.0/16\nnodeSelector: null\nipipMode: ''"),
    "f",
  );
  assert.equal(
    JSON.stringify(resource!.object),
    '{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"p"},"spec":{"cidr":"10.1.0.0/16","vxlanMode":"Never","ipipMode":"Never","blockSize":26,"nodeSelector":"all()","allowedUses":["Workload","Tunnel"],"assignmentMode":"Automatic"}}',
  );
});

test("broken YAML is refused with document, line and column", () => {
  const error = refused(`${pool("cidr: 10.1.0.0/16")}---\nkind: [IPPool\n`);
  assert.equal(error.code, "syntax");
  assert.match(error.message, /^f\.yaml, document 2, line \d+, column \d+: /);
  assert.match(refused("kind: IPPool\nspec:\n\tcidr: x\n").message, /document 1, line 3, .*indent with spaces/);
  assert.match(refused("a: 1\na: 2\n").message, /line 2.*duplicated mapping key; keep one of the two/);
  for (const [text, message] of [
    ["a: 1\n? [b, c]\n: 2\n", /document 1, line 2: a field's name is a text, no list and no object$/],
    ["---\na: 1\n---\n? {b: c}\n: 2\n", /document 2, line 4: a field's name is a text/],
    ["a: 1\nb: !!js/function x\n", /line 2, column 4: unknown scalar tag .*; leave the tag out/],
    ["a: \u0000", /line 1, column 4: null byte .*; this is no text/],
    ["[".repeat(200), /nesting exceeded .*; no object is so deep: close every { and \[/],
    ['{"a": 1,\n', /line 2, .* within a flow collection; close every { and \[$/],
    ['a: "b', /within a double quoted scalar; close the quotation mark$/],
    ["a: b: c\n", /line 1, .*; put a value that has a colon in it in quotes$/],
    ["a: @b\n", /line 1, .*; put a value that begins with @ in quotes$/],
    ["a: b\n c: d\n", /line 2, .*; check the indentation/],
    ["a:b\nc: d\n", /line 2, .*; check the indentation .* that a space follows each colon$/],
  ] as const) {
    assert.match(refused(text).message, message);
  }
});

test("typographic quotes are refused by name", () => {
  for (const [value, named] of [
    ["“Always”", "“ (U+201C) and ” (U+201D)"],
    ["‘Always’", "‘ (U+2018) and ’ (U+2019)"],
  ]) {
    const error = refused(pool(`cidr: 10.1.0.0/16\nvxlanMode: ${value}`));
    assert.equal(error.code, "quotes");
    assert.ok(error.message.startsWith("f.yaml, document 1, line 7: "), error.message);
    assert.ok(error.message.includes(named!), error.message);
    assert.ok(error.message.includes('write "Always"'), error.message);
  }
  assert.equal(
    decodeResources(`${pool('cidr: 10.1.0.0/16\nnodeSelector: "all()"')}# “quoted” in a comment\n`, "f").length,
    1,
  );
});

test("unknown kinds, versions and shapes are refused with what was meant", () => {
  assert.match(
    refused("kind: IPPol\napiVersion: projectcalico.org/v3\n").message,
    /line 1: unknown resource type \(IPPol\) and\/or version \(projectcalico\.org\/v3\); did you mean 'IPPool'\?/,
  );
  assert.match(
    refused("kind: IPPool\napiVersion: v1\n").message,
    /line 2: .*version \(v1\); write apiVersion: projectcalico\.org\/v3/,
  );
  assert.match(refused("kind: List\napiVersion: v1\n").message, /kind: <Kind>List/);
  assert.match(
    refused("just text\n").message,
    /line 1: expected a resource with kind and apiVersion, found 'just text'/,
  );
  assert.match(refused("spec: {}\n").message, /the object has no kind/);
});

test("values of the wrong type are refused with the right ones", () => {
  const flag = refused(pool("cidr: 10.1.0.0/16\nnatOutgoing: yes"));
  assert.equal(
    flag.message,
    "f.yaml, document 1, line 7: spec.natOutgoing: expected true or false, found 'yes'; write true, without quotes",
  );
  assert.match(
    refused(pool('cidr: 10.1.0.0/16\nblockSize: "26"')).message,
    /line 7: spec\.blockSize: .*write 26 without quotes/,
  );
  assert.match(refused(pool("cidr: 10")).message, /spec\.cidr: .*found '10'; write "10" in quotes$/);
  assert.match(refused(pool("cidr: true")).message, /spec\.cidr: .*found 'true'; write "true" in quotes$/);
  assert.match(
    refused(pool("cidr: [10.1.0.0/16]")).message,
    /spec\.cidr: expected a text in quotes, found '\[10\.1\.0\.0\/16\]'$/,
  );
  assert.match(
    refused("kind: IPPool\napiVersion: projectcalico.org/v3\nspec: []\n").message,
    /line 3: spec: expected fields, found a list/,
  );
  assert.match(
    refused("kind: IPPool\napiVersion: projectcalico.org/v3\nspec: none\n").message,
    /line 3: spec: expected fields, found 'none'/,
  );
});

test("fields that the kind does not have are told apart, with the name that was meant", () => {
  const [resource] = decodeResources(pool("cidr: 10.1.0.0/16\nipipmode: Always"), "f.yaml");
  const error = unknownFieldsError(resource!.origin, resource!.unknownFields);
  assert.equal(
    error.message,
    "field in document is not recognized or is in the wrong location: ipipmode\n  f.yaml, document 1, line 7: spec.ipipmode: did you mean 'ipipMode'?",
  );
  const [misplaced] = decodeResources(`${pool("cidr: 10.1.0.0/16")}natOutgoing: true\n`, "f.yaml");
  assert.match(
    unknownFieldsError(misplaced!.origin, misplaced!.unknownFields).message,
    /line 7: natOutgoing: it belongs in 'spec'/,
  );
});

test("broken rules come with Calico's text, the line and the remedy", () => {
  const [resource] = decodeResources(pool("cidr: 10.0.0.1/16\nvxlanMode: Always\nipipMode: CrosSubnet"), "f.yaml");
  assert.deepEqual(
    resource!.brokenRules.map((problem) => [problem.name, problem.reason, placeLine(resource!.origin, problem)]),
    [
      [
        "IPIPMode",
        "must be one of Always, CrossSubnet, Never",
        "f.yaml, document 1, line 8: spec.ipipMode: write CrossSubnet",
      ],
      [
        "IPPool.Spec.CIDR",
        "IPPool CIDR is not strictly masked",
        "f.yaml, document 1, line 6: spec.cidr: write 10.0.0.0/16",
      ],
      [
        "IPPool.Spec.VXLANMode",
        "Cannot enable both VXLAN and IPIP on the same IPPool",
        "f.yaml, document 1, line 7: spec.vxlanMode: set one of vxlanMode and ipipMode to Never",
      ],
    ],
  );
});

test("integers above 2^53 survive, aliases are followed, and a text that explodes is refused", () => {
  assert.equal(parseYaml("a: 12345678901234567890\n", "f")[0]!.value!["a" as never], 12345678901234567890n);
  assert.deepEqual(parseYaml("a: &x [1, 2]\nb: *x\n", "f")[0]!.value, { a: [1, 2], b: [1, 2] });
  const laughs = Array.from({ length: 9 }, (_, level) =>
    level === 0
      ? "a0: &a0 [x, x, x, x, x, x, x, x, x]"
      : `a${level}: &a${level} [${Array(9)
          .fill(`*a${level - 1}`)
          .join(", ")}]`,
  ).join("\n");
  assert.throws(
    () => parseYaml(laughs, "f"),
    (error) => error instanceof InputError && error.code === "tooLarge",
  );
  assert.throws(() => parseYaml("a: &a [*a]", "f"), InputError);
});

test("any text gives resources or an InputError", () => {
  const key = fc.constantFrom(
    "kind",
    "apiVersion",
    "metadata",
    "spec",
    "items",
    "name",
    "cidr",
    "__proto__",
    "constructor",
    "labels",
    "ipipMode",
    "allowedUses",
  );
  const leaf = fc.oneof(
    fc.constantFrom<unknown>(
      "IPPool",
      "IPPoolList",
      "Node",
      "BGPFilter",
      "NetworkPolicy",
      "projectcalico.org/v3",
      "10.0.0.0/8",
      "Always",
      null,
      true,
      7,
      2 ** 60,
      "",
      [],
    ),
    fc.string(),
  );
  const tree = fc.letrec<{ node: unknown }>((tie) => ({
    node: fc.oneof(
      { depthSize: "small" },
      leaf,
      fc.dictionary(key, tie("node"), { maxKeys: 5 }),
      fc.array(tie("node"), { maxLength: 3 }),
    ),
  })).node;
  const resourceLike = fc.record(
    {
      kind: fc.constantFrom(
        "IPPool",
        "Node",
        "WorkloadEndpoint",
        "BGPPeer",
        "GlobalNetworkPolicy",
        "FelixConfiguration",
        "IPPoolList",
      ),
      apiVersion: fc.constant("projectcalico.org/v3"),
      metadata: tree,
      spec: tree,
      items: tree,
    },
    { requiredKeys: ["kind", "apiVersion"], noNullPrototype: true },
  );
  const yaml = fc.oneof(tree, resourceLike).map((value) => dump(value, { skipInvalid: true }));
  const soup = fc
    .array(
      fc.constantFrom(
        "a: ",
        "- ",
        "{",
        "}",
        "[",
        "]",
        "\n",
        "  ",
        "&x ",
        "*x",
        "“",
        "!!int ",
        "? ",
        ": ",
        "|",
        "---",
        "\t",
        "kind: IPPool",
        "<<: ",
      ),
    )
    .map((parts) => parts.join(""));
  fc.assert(
    fc.property(fc.oneof(yaml, soup, fc.string()), (text) => {
      try {
        decodeResources(text, "f");
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
      }
    }),
    { numRuns: runs(600) },
  );
});
