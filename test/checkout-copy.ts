/** A copy of this checkout for who cannot reach it: a virtual machine, or a user who may not pass its folder. */
import fs from "node:fs";
import path from "node:path";

const checkout = path.join(import.meta.dirname, "..");
/** Packages that our code runs with. */
const PACKAGES = [
  "koffi",
  "@koromix",
  "commander",
  "js-yaml",
  "argparse",
  "valibot",
  "prom-client",
  "tdigest",
  "bintrees",
];

/** Makes `target` of some folders of the checkout and of the packages that our code runs with. */
export function copyCheckout(target: string, folders: readonly string[]): void {
  for (const folder of folders) {
    fs.cpSync(path.join(checkout, folder), path.join(target, folder), { recursive: true });
  }
  for (const name of PACKAGES) {
    const from = fs.realpathSync(path.join(checkout, "node_modules", name));
    fs.cpSync(from, path.join(target, "node_modules", name), { recursive: true });
  }
  fs.copyFileSync(path.join(checkout, "package.json"), path.join(target, "package.json"));
}
