/**
 * What a peer has told us, apart from the routes themselves: which prefixes (its Adj-RIB-In by ids; the paths stand beside those
 * of other peers, see `adj-rib-in.ts`), which of them it has yet to confirm, and its paths by what was received.
 */
import type { PrefixCode } from "../../ip/prefix-code.ts";
import { asksForPrefix } from "../filter/evaluate.ts";
import type { AttributeSet } from "../message/types.ts";
import { IdSet } from "./id-set.ts";
import { type ImportContext, type Imported, importAttributes, importPrefix } from "./import.ts";
import type { NextHop, NextHops } from "./next-hops.ts";
import { Path } from "./path.ts";
import type { RibSession } from "./types.ts";

export class Peer {
  session: RibSession;
  isUp = false;
  /** Its session is over by configuration: each route stays until somebody else has one that can be used. */
  isRetired = false;
  /** Prefixes that it has a route to. */
  readonly ids = new IdSet();
  /** Of those, RFC 4724: from before its restart and not told again since. */
  readonly stale = new IdSet();
  /** Of those, gone: to be taken out in slices. */
  readonly doomed = new IdSet();
  /** Of those, to be imported again: a filter or a next hop has changed. */
  readonly revisited = new IdSet();
  /** Next hops whose cost has changed since `revisited` was last empty. */
  readonly movedHops = new Set<NextHop>();
  /** Whether its import treats routes with the same attributes differently. */
  asksForPrefix: boolean;
  #paths = new Map<AttributeSet, Path>();

  constructor(session: RibSession) {
    this.session = session;
    this.asksForPrefix = asksForPrefix(session.importFilter);
  }

  /** Another view of the same routes: all paths are made anew, and every route looked at again. */
  reimport(session: RibSession): void {
    this.session = session;
    this.asksForPrefix = asksForPrefix(session.importFilter);
    this.#paths = new Map();
    this.revisited.addAll(this.ids);
  }

  /** A next hop of some of its routes has another cost: which ones is found out in slices. */
  hopMoved(hop: NextHop): void {
    this.movedHops.add(hop);
    this.revisited.addAll(this.ids);
  }

  /** The path of a route that was received so. */
  pathFor(prefix: PrefixCode, received: AttributeSet, context: ImportContext, hops: NextHops): Path {
    const first = this.#paths.get(received);
    if (first && !this.asksForPrefix) return first;
    const base = importAttributes(received, context);
    const imported = base.rejection ? base : importPrefix(prefix, base.attributes, context);
    for (let path = first; path; path = path.sibling) if (isSame(path, imported)) return path;
    const isOverHop = !imported.rejection || imported.rejection.rule === "ownNextHop";
    const hop = isOverHop ? hops.hold(imported.attributes.nextHop, this) : undefined;
    const path = new Path({ peer: this }, received, imported, hop);
    path.sibling = first;
    this.#paths.set(received, path);
    return path;
  }

  /** No route points to the path any more. */
  drop(path: Path, hops: NextHops): void {
    if (path.hop) hops.release(path.hop, this);
    const first = this.#paths.get(path.received);
    if (first === path) {
      if (path.sibling) this.#paths.set(path.received, path.sibling);
      else this.#paths.delete(path.received);
      return;
    }
    for (let before = first; before; before = before.sibling)
      if (before.sibling === path) before.sibling = path.sibling;
  }
}

const isSame = (path: Path, { attributes, rejection }: Imported): boolean =>
  path.attributes === attributes &&
  path.rejection?.rule === rejection?.rule &&
  (path.rejection?.rule !== "importFilter" ||
    rejection?.rule !== "importFilter" ||
    path.rejection.term === rejection.term);
