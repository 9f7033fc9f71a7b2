/** What is carried out and not durable yet: changes of the index, with the way back. */
import type { LogLease } from "../port/revision-log.ts";
import type { Change } from "./item.ts";
import type { Mvcc } from "./mvcc.ts";

/** What a piece of work may do. All of its changes have one revision. */
export interface Draft {
  /** That of the changes, if there are any. */
  readonly revision: number;
  readonly hasChanged: boolean;
  put(key: string, value: string, lease: bigint): Change;
  /** Deletes a key that is there. */
  delete(key: string): Change;
  /** `undo` takes back what the grant did outside of the log. */
  grant(lease: LogLease, undo: () => void): void;
  revoke(id: bigint, undo: () => void): void;
}

/** What one write will make durable, with the way back. */
export class Batch implements Draft {
  readonly #mvcc: Mvcc;
  readonly #undos: (() => void)[] = [];
  readonly changes: Change[] = [];
  readonly granted: LogLease[] = [];
  readonly revoked: bigint[] = [];
  /** Changes before the piece of work that is carried out now. */
  #before = 0;
  revision = 0;

  constructor(mvcc: Mvcc) {
    this.#mvcc = mvcc;
  }

  carryOut(work: (draft: Draft) => unknown): unknown {
    const { changes, granted, revoked } = this;
    const mark = { undos: this.#undos.length, granted: granted.length, revoked: revoked.length };
    this.#before = changes.length;
    this.revision = this.#mvcc.head + 1;
    try {
      const value = work(this);
      if (this.hasChanged) this.#mvcc.advanceTo(this.revision);
      return value;
    } catch (failure) {
      this.undoTo(mark.undos);
      changes.length = this.#before;
      granted.length = mark.granted;
      revoked.length = mark.revoked;
      throw failure;
    }
  }

  undoTo(mark: number): void {
    while (this.#undos.length > mark) this.#undos.pop()?.();
  }

  get hasChanged(): boolean {
    return this.changes.length > this.#before;
  }

  get isEmpty(): boolean {
    return this.changes.length + this.granted.length + this.revoked.length === 0;
  }

  put(key: string, value: string, lease: bigint): Change {
    return this.#made(this.#mvcc.put(this.revision, key, value, lease));
  }

  delete(key: string): Change {
    return this.#made(this.#mvcc.delete(this.revision, key));
  }

  #made(change: Change): Change {
    this.changes.push(change);
    this.#undos.push(() => this.#mvcc.undo(change));
    return change;
  }

  grant(lease: LogLease, undo: () => void): void {
    this.granted.push(lease);
    this.#undos.push(undo);
  }

  revoke(id: bigint, undo: () => void): void {
    this.revoked.push(id);
    this.#undos.push(undo);
  }
}
