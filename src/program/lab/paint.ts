/** Colours on a terminal that wants them, nothing anywhere else (no-color.org). */
import { styleText } from "node:util";
import type { Paint } from "../../lab/check/matrix.ts";
import type { OutputStream } from "../process-host.ts";

const styles = { good: "green", bad: "red", dim: "dim", bold: "bold" } as const;

export function painter(stream: OutputStream): Paint {
  const isPlain = stream.isTTY !== true;
  return (style, text) => (isPlain ? text : styleText(styles[style], text, { validateStream: false }));
}
