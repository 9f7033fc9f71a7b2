/** Writes the reference pages that come from tables. */
import fs from "node:fs";
import path from "node:path";
import { referencePages } from "../src/compile/config/reference.ts";

const root = path.dirname(import.meta.dirname);
for (const [page, write] of Object.entries(referencePages)) {
  fs.mkdirSync(path.dirname(path.join(root, page)), { recursive: true });
  fs.writeFileSync(path.join(root, page), write());
  console.log(page);
}
