/** What a kind demands of other objects in the store, before and after its own are written. */
import type { JsonObject } from "../../base/json.ts";
import type { WallClock } from "../../port/clock.ts";
import type { Log } from "../../port/log.ts";
import type { Store, Stored } from "../../port/store.ts";

export interface RuleContext {
  readonly store: Store;
  readonly wallClock: WallClock;
  readonly log: Log;
  pause(ms: number): Promise<void>;
}

/** All throw ResourceError to refuse. */
export interface KindRule {
  /** Every cluster has it and no store does: it is read, and never written. */
  readonly builtIn?: JsonObject;
  beforeCreate?(context: RuleContext, object: JsonObject): Promise<void>;
  beforeUpdate?(context: RuleContext, object: JsonObject, was: JsonObject): Promise<void>;
  /** What must follow where it could not be one transaction with the write itself. */
  afterWrite?(context: RuleContext, object: JsonObject): Promise<void>;
  /** Cleans up what hangs on the object. Gives the object's revision where it changed it. */
  beforeDelete?(context: RuleContext, stored: Stored, force: boolean): Promise<string | undefined>;
  /** The order in which a list is shown, where it is not that of the names. */
  sorted?(objects: readonly JsonObject[]): readonly JsonObject[];
}
