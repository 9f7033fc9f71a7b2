/**
 * What a program sees of the process that it runs in. `main.ts` makes the real one; tests make their own, so that every
 * command runs in-process with captured streams and an environment of the test's choosing.
 */
import { EXIT_FAILED } from "./exit-codes.ts";

export type Signal = "SIGINT" | "SIGTERM" | "SIGHUP";

export type InputStream = NodeJS.ReadableStream & { readonly isTTY?: boolean };
export type OutputStream = NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };

/** In columns; undefined where the stream is no terminal, or one that does not tell. */
export const terminalWidth = ({ isTTY, columns }: OutputStream): number | undefined =>
  isTTY === true ? columns || undefined : undefined;

export interface ProcessHost {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute. */
  readonly cwd: string;
  readonly stdin: InputStream;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  /** Calls `handler` each time the signal arrives; the default action of the signal is off from then on. */
  onSignal(signal: Signal, handler: () => void): void;
}

/** Ends the process when its readers have everything: a pipe takes 64 KiB, and the rest waits for as long as nobody reads on. */
export async function endProcess(process: NodeJS.Process, code: number): Promise<void> {
  await Promise.all([process.stdout, process.stderr].map(written));
  // What became of the last write is told in another turn.
  await new Promise(setImmediate);
  process.exit(code);
}

const written = (stream: NodeJS.WriteStream): Promise<void> =>
  new Promise((resolve) => {
    if (stream.writableLength === 0) resolve();
    else stream.write("", () => resolve());
  });

/** Ends a process whose reader has gone (`ocicat get … | head`), with the code that a shell shows for SIGPIPE. */
const BROKEN_PIPE_EXIT = 141;

/** The host of a real Node.js process. */
export function processHost(process: NodeJS.Process): ProcessHost {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(BROKEN_PIPE_EXIT);
    process.stderr.write(`ocicat: cannot write to standard output: ${error.message}\n`);
    process.exit(EXIT_FAILED);
  });
  // Nobody is left to be told; the work itself may go on.
  process.stderr.on("error", () => undefined);
  return {
    env: process.env,
    cwd: process.cwd(),
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    onSignal: (signal, handler) => {
      process.on(signal, handler);
    },
  };
}
