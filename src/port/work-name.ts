/** A name that work carries along, through everything that it awaits: whose turn it is when it goes on. */
export interface WorkName {
  /** The name of the work that runs now; undefined: nobody gave it one. */
  readonly current: string | undefined;
  /** Runs work under a name. */
  run<T>(name: string, work: () => T): T;
}
