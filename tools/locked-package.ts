/**
 * Puts packages of the lock file into node_modules that npm has left out: `npm ci` skips an optional dependency whose
 * `engines` the Node.js that runs npm does not fulfil, whatever Node.js will load it later. What the registry sends is
 * taken only with the octets that the lock file names.
 *
 *     node tools/locked-package.ts NAME…
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

interface Locked {
  readonly version: string;
  /** Subresource Integrity (W3C): one hash, `sha512-BASE64`. */
  readonly integrity: string;
}

/** Throws where the octets are not those of the lock file. */
export function checkIntegrity(name: string, octets: Uint8Array, integrity: string): void {
  const [algorithm = "", expected = ""] = integrity.split(/-(.*)/s);
  if (algorithm !== "sha512") throw new Error(`${name}: the lock file has no sha512 of it, but '${integrity}'`);
  const found = createHash(algorithm).update(octets).digest("base64");
  if (found !== expected) throw new Error(`${name}: the registry's package is not the one of the lock file (${found})`);
}

export function lockedIn(lock: string, name: string): Locked {
  const { packages } = JSON.parse(lock) as { packages: Readonly<Record<string, Locked | undefined>> };
  const locked = packages[`node_modules/${name}`];
  if (!locked) throw new Error(`${name} is not in package-lock.json`);
  return locked;
}

function run(command: string, args: readonly string[]): void {
  const { status } = spawnSync(command, args, { stdio: ["ignore", "ignore", "inherit"] });
  if (status !== 0) throw new Error(`${command} ${args[0]} failed`);
}

function install(root: string, name: string): void {
  const target = path.join(root, "node_modules", name);
  if (fs.existsSync(path.join(target, "package.json"))) return;
  const { version, integrity } = lockedIn(fs.readFileSync(path.join(root, "package-lock.json"), "utf8"), name);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-package-"));
  try {
    run("npm", ["pack", "--loglevel=error", "--pack-destination", folder, `${name}@${version}`]);
    const archive = fs.readdirSync(folder).find((file) => file.endsWith(".tgz"));
    if (archive === undefined) throw new Error(`${name}: npm pack has left no archive`);
    const packed = path.join(folder, archive);
    checkIntegrity(name, fs.readFileSync(packed), integrity);
    fs.mkdirSync(target, { recursive: true });
    run("tar", ["-xzf", packed, "-C", target, "--strip-components=1"]);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

if (import.meta.main) for (const name of process.argv.slice(2)) install(path.dirname(import.meta.dirname), name);
