/** What a foreign hand did to an object of ours, and what became of it: data, and the sentence for logs and people. */

/**
 * `gone`: an object of ours was not there. `changed`: it was there and not as it shall be. `foreign`: an object of others
 * stood where ours shall be, or, with nothing there `now`, one that nobody wants bore a mark of ours and was removed.
 */
export type Repair = { readonly kind: string; readonly key: string } & (
  | { readonly found: "gone"; readonly now: string }
  | { readonly found: "changed"; readonly was: string; readonly now: string }
  | { readonly found: "foreign"; readonly was: string; readonly now?: string }
);

/** `routes: 10.0.0.0/26 via 10.30.0.1 dev ens5 stood in the place of 10.0.0.0/26 via 10.30.0.56 dev ens5, which is put back`. */
export function describeRepair(repair: Repair): string {
  const { kind } = repair;
  switch (repair.found) {
    case "gone":
      return `${kind}: ${repair.now} was gone and is put back`;
    case "changed":
      return `${kind}: ${repair.was} was found, ${repair.now} is put back`;
    case "foreign":
      return repair.now === undefined
        ? `${kind}: ${repair.was} was found where nothing shall be, and is removed`
        : `${kind}: ${repair.was} stood in the place of ${repair.now}, which is put back`;
  }
}
