/**
 * The direction of dependencies is law (DESIGN "Layout"): this test reads every import below `src/` and fails with the
 * row that forbids it. The rows carry their reason; a row that names a folder that is gone fails too.
 */
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";

const src = import.meta.dirname;

/** Folders by band; a file may import from its own folder and from lower bands. */
const bands: readonly (readonly string[])[] = [
  ["base", "ip", "wire"],
  ["resources", "selector", "netlink", "bgp", "bpf", "compile", "rib", "reconcile"],
  ["port"],
  ["kernel", "ipam", "dataplane", "speaker", "cni", "ctl", "lab", "store", "node", "insight"],
  ["adapter"],
  ["program"],
  ["testing"],
];

interface Row {
  readonly from: string;
  readonly to: string;
  readonly reason: string;
}

/** Imports within a band that are allowed. */
const allowed: readonly Row[] = [
  { from: "ip", to: "base", reason: "errors" },
  { from: "wire", to: "base", reason: "errors" },
  { from: "resources", to: "selector", reason: "a pool's nodeSelector is validated by parsing it" },
  { from: "compile", to: "resources", reason: "intent is resources" },
  { from: "compile", to: "selector", reason: "pools and BGP peers select nodes" },
  { from: "compile", to: "bgp", reason: "a compiled session is a speaker's configuration" },
  { from: "rib", to: "bgp", reason: "a speaker's configuration is joined from what compile keys contribute" },
  { from: "compile", to: "netlink", reason: "a compiled nft table is a tree of the field's own expressions" },
  { from: "reconcile", to: "compile", reason: "ownership is told of the items of the node state" },
  { from: "reconcile", to: "netlink", reason: "a table that is ours is named by a key of nf_tables" },
  { from: "rib", to: "compile", reason: "routes of the node state are one source of routes" },
  { from: "cni", to: "kernel", reason: "the plugin wires veth pairs" },
  { from: "dataplane", to: "kernel", reason: "drivers send requests" },
  { from: "lab", to: "kernel", reason: "hosts and underlay are kernel objects" },
  { from: "node", to: "kernel", reason: "facts of the host come from the kernel" },
  { from: "speaker", to: "kernel", reason: "the budget of a turn; routes of a speaker that runs alone" },
  { from: "cni", to: "ipam", reason: "a pod's address" },
  { from: "ctl", to: "ipam", reason: "ipam show, release" },
  { from: "node", to: "ipam", reason: "a node's tunnel address" },
  { from: "insight", to: "dataplane", reason: "verify compares compiled with actual through the same drivers" },
  { from: "lab", to: "dataplane", reason: "the lab asks the same tables" },
];

/** Bands that may be imported from below for their types: a port names value types of pure folders, and drivers name ports. */
const typesOnly: readonly Row[] = [
  { from: "reconcile", to: "port", reason: "a driver's failure is a kernel error" },
  { from: "resources", to: "port", reason: "keys and stored objects are the store's words" },
  { from: "compile", to: "port", reason: "stored objects are what is projected" },
];

/** What only the outer bands may touch. */
const world =
  /\bprocess\.env\b|\bDate\.now\b|\bnew Date\(\)|\bperformance\.|\bsetTimeout\(|\bsetInterval\(|\bsetImmediate\(|\bMath\.random\b|\brandomBytes\b|\brandomUUID\b|\bconsole\.|(?<![.\w])fetch\(/;
const pureNodeModules = new Set(["node:util", "node:path", "node:crypto", "node:zlib", "node:buffer"]);
const outer = new Set(["adapter", "program", "testing"]);

interface Import {
  readonly file: string;
  readonly target: string;
  readonly typeOnly: boolean;
}

/** Every import and re-export of a source text, dynamic ones included. */
export function importsOf(text: string): { target: string; typeOnly: boolean }[] {
  const found: { target: string; typeOnly: boolean }[] = [];
  for (const match of text.matchAll(/\b(?:import|export)\s+(type\s+)?[^;'"]*?from\s*["']([^"']+)["']/g)) {
    found.push({ target: match[2] ?? "", typeOnly: match[1] !== undefined });
  }
  for (const match of text.matchAll(/\bimport\s*\(?\s*["']([^"']+)["']/g)) {
    found.push({ target: match[1] ?? "", typeOnly: false });
  }
  return found;
}

const isTest = (file: string): boolean => /\.test\.ts$/.test(file);

function sources(folder: string): string[] {
  return fs
    .readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => path.join(folder, name));
}

const files = sources(src);
const folderOf = (file: string): string => path.relative(src, file).split(path.sep)[0] ?? "";
const bandOf = (folder: string): number => bands.findIndex((band) => band.includes(folder));

const imports: Import[] = files.flatMap((file) =>
  importsOf(fs.readFileSync(file, "utf8")).map((found) => ({ file, ...found })),
);

function forbidden(entry: Import): string | undefined {
  if (!entry.target.startsWith(".") || isTest(entry.file)) return undefined;
  const from = folderOf(entry.file);
  const to = folderOf(path.resolve(path.dirname(entry.file), entry.target));
  if (from.endsWith(".ts"))
    return to === "program" || to.endsWith(".ts") ? undefined : `${from} may import program only`;
  if (from === to) return undefined;
  if (bandOf(from) < 0 || bandOf(to) < 0) return `a folder that no band lists: ${bandOf(from) < 0 ? from : to}`;
  if (to === "testing") return "testing is imported by tests only";
  if (from === "testing") return undefined;
  if (from === "adapter" && bandOf(to) === bandOf("kernel")) return "adapters never import deeds";
  if (bandOf(from) > bandOf(to)) return undefined;
  if (allowed.some((row) => row.from === from && row.to === to)) return undefined;
  if (entry.typeOnly && typesOnly.some((row) => row.from === from && row.to === to)) return undefined;
  return `${from} (band ${bandOf(from)}) may not import ${to} (band ${bandOf(to)})`;
}

test("imports follow the bands", () => {
  const broken = imports.flatMap((entry) => {
    const why = forbidden(entry);
    return why === undefined ? [] : [`${path.relative(src, entry.file)} → ${entry.target}: ${why}`];
  });
  assert.deepEqual(broken, []);
});

test("only the outer bands touch the world", () => {
  const broken = files.flatMap((file) => {
    if (isTest(file) || outer.has(folderOf(file)) || folderOf(file) === "main.ts") return [];
    const text = fs.readFileSync(file, "utf8").replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
    const modules = importsOf(text)
      .map(({ target }) => target)
      .filter((target) => target.startsWith("node:") && !pureNodeModules.has(target));
    const touched = world.exec(text)?.[0];
    const found = touched === undefined ? modules : [...modules, touched];
    return found.map((what) => `${path.relative(src, file)}: ${what}`);
  });
  assert.deepEqual(broken, []);
});

test("no file takes part in an import cycle", () => {
  const graph = new Map<string, string[]>();
  for (const { file, target, typeOnly } of imports) {
    if (typeOnly || !target.startsWith(".")) continue;
    const to = path.resolve(path.dirname(file), target);
    graph.set(file, [...(graph.get(file) ?? []), to]);
  }
  const done = new Set<string>();
  const visit = (file: string, trail: readonly string[]): void => {
    const at = trail.indexOf(file);
    assert.equal(at, -1, `cycle: ${[...trail.slice(at), file].map((name) => path.relative(src, name)).join(" → ")}`);
    if (done.has(file)) return;
    for (const next of graph.get(file) ?? []) visit(next, [...trail, file]);
    done.add(file);
  };
  for (const file of graph.keys()) visit(file, []);
});

test("every row names folders that exist", () => {
  const gone = [...allowed, ...typesOnly]
    .flatMap(({ from, to }) => [from, to])
    .filter((folder) => !fs.existsSync(path.join(src, folder)));
  assert.deepEqual(gone, []);
});

test("the reader of imports sees what it must", () => {
  const text = `import { a } from "./a.ts"; import type { B } from "./b.ts";\nexport * from "./c.ts"; await import("./d.ts");\nimport "./e.ts";`;
  assert.deepEqual(
    importsOf(text)
      .map(({ target }) => target)
      .sort(),
    ["./a.ts", "./b.ts", "./c.ts", "./d.ts", "./e.ts"],
  );
  assert.equal(importsOf(text)[1]?.typeOnly, true);
});
