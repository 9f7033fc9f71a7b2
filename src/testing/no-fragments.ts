/** Outer packets that never come in fragments. */
import type { OuterFragments } from "../port/outer-fragments.ts";

export const noFragments: OuterFragments = { join: ({ sources }) => sources.close(), leave: () => undefined };
