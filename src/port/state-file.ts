/** One small file of a program's own, replaced as a whole: after a crash it holds the old text or the new one. */
export interface StateFile {
  readonly path: string;
  /** undefined when there is none. */
  read(): string | undefined;
  /**
   * Writes the chunks beside the file, makes them durable, then takes its place. Turns pass between chunks. Calls that
   * overlap are carried out one after the other.
   */
  replace(chunks: Iterable<string>): Promise<void>;
}
