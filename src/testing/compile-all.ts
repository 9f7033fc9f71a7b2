/** The plain compile: every key. The oracle of the incremental one, for tests. */
import { compileKey } from "../compile/compile.ts";
import type { Fragment } from "../compile/fragment.ts";
import type { CompileKey } from "../compile/keys.ts";
import type { View } from "../compile/view.ts";

export const compileAll = (view: View): ReadonlyMap<CompileKey, Fragment> =>
  new Map(Array.from(view.allKeys(), (key) => [key, compileKey(key, view)]));
