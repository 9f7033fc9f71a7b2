/**
 * What the plugin executable and the agent say to each other on the agent's Unix socket. Integers are little-endian.
 *
 *   plugin → agent   u32 magic, then chunks, each a u32 length and its octets:
 *                      1  the arguments, each ended by a zero octet; the first names the program
 *                      2  the environment, the same way
 *                      3… standard input, in as many chunks as it takes
 *                      n  a chunk of length 0: the end
 *   agent → plugin   u32 length, u8 exit code, standard output of that length
 *
 * No HTTP request begins with the magic's first octet, so both share the socket. Pure: octets in, request out.
 */
import { CodedError } from "../base/errors.ts";

/** Octets ca 11 c0 01; the last is the protocol's version. */
export const PROTOCOL_MAGIC = 0x01c011ca;
export const PROTOCOL_FIRST_OCTET = 0xca;

/** The plugin's buffer is 64 KiB with the answer's head. */
export const MAX_ANSWER_OCTETS = 65531;
/** Of arguments and of environment, each: Linux gives a program at most a quarter of its stack for both. */
const MAX_STRINGS_OCTETS = 2 << 20;
/** A network configuration with the results of the plugins before. */
const MAX_INPUT_OCTETS = 1 << 20;

/** A call of the plugin, as a container runtime makes it. */
export interface PluginCall {
  /** The last part of the path it was called by: `calico`, `calico-ipam`, `install`. */
  readonly program: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
}

export interface PluginAnswer {
  /** 0 … 255. */
  readonly exitCode: number;
  readonly stdout: string;
}

export class ProtocolError extends CodedError<"badMagic" | "tooLong" | "cutShort", { limit?: number }> {}

/** Collects a call from the pieces in which it arrives, however they are cut. Nothing is kept beyond the limits. */
export class PluginCallReader {
  #pieces: Uint8Array[] = [];
  #length = 0;
  #strings: string[][] = [];
  #input: Uint8Array[] = [];
  #inputLength = 0;
  #sawMagic = false;

  /** The call once it is whole; undefined while it is not. Throws ProtocolError. */
  push(octets: Uint8Array): PluginCall | undefined {
    this.#pieces.push(octets);
    this.#length += octets.length;
    if (!this.#sawMagic) {
      const magic = this.#take(4);
      if (!magic) return undefined;
      if (magic.readUInt32LE() !== PROTOCOL_MAGIC) {
        throw new ProtocolError("badMagic", `not a call of the plugin: it begins with ${magic.toString("hex")}`, {});
      }
      this.#sawMagic = true;
    }
    return this.#chunks();
  }

  /** The stream has ended. Throws ProtocolError `cutShort`: a whole call has been answered before. */
  end(): never {
    throw new ProtocolError("cutShort", "the plugin went away before its call was whole", {});
  }

  #chunks(): PluginCall | undefined {
    for (;;) {
      const head = this.#peekLength();
      if (head === undefined) return undefined;
      const isStrings = this.#strings.length < 2;
      const limit = isStrings ? MAX_STRINGS_OCTETS : MAX_INPUT_OCTETS;
      if (head + (isStrings ? 0 : this.#inputLength) > limit) {
        const what = isStrings ? "arguments or environment" : "standard input";
        throw new ProtocolError("tooLong", `${what} of the plugin's call exceed ${limit} octets`, { limit });
      }
      if (this.#length < 4 + head) return undefined;
      this.#take(4);
      const chunk = this.#take(head) ?? Buffer.alloc(0);
      if (isStrings) this.#strings.push(chunk.toString("utf8").split("\0").slice(0, -1));
      else if (head === 0) return this.#call();
      else {
        this.#input.push(chunk);
        this.#inputLength += head;
      }
    }
  }

  #call(): PluginCall {
    const [args = [], environment = []] = this.#strings;
    const env: Record<string, string> = Object.create(null);
    for (const variable of environment) {
      const equals = variable.indexOf("=");
      if (equals > 0) env[variable.slice(0, equals)] = variable.slice(equals + 1);
    }
    const path = args[0] ?? "";
    return {
      program: path.slice(path.lastIndexOf("/") + 1),
      env,
      stdin: Buffer.concat(this.#input).toString("utf8"),
    };
  }

  #peekLength(): number | undefined {
    if (this.#length < 4) return undefined;
    return this.#join(4).readUInt32LE();
  }

  #take(count: number): Buffer | undefined {
    if (this.#length < count) return undefined;
    const joined = this.#join(count);
    const [first] = this.#pieces;
    if (first) this.#pieces[0] = first.subarray(count);
    this.#length -= count;
    return joined;
  }

  /** The first octets as one piece; the pieces are joined as far as that takes. */
  #join(count: number): Buffer {
    const [first] = this.#pieces;
    if (!first || first.length < count) this.#pieces = [Buffer.concat(this.#pieces)];
    const whole = this.#pieces[0] ?? Buffer.alloc(0);
    return Buffer.from(whole.buffer, whole.byteOffset, count);
  }
}

/** The call as the plugin executable writes it, for the portable form. */
export function encodeCall(call: {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: Uint8Array;
}): Uint8Array {
  const strings = (list: readonly string[]): Buffer => Buffer.from(list.map((text) => `${text}\0`).join(""));
  const variables = Object.entries(call.env).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value}`],
  );
  const chunks = [
    strings(call.args),
    strings(variables),
    ...(call.stdin.length > 0 ? [call.stdin] : []),
    Buffer.alloc(0),
  ];
  return Buffer.concat([number(PROTOCOL_MAGIC), ...chunks.flatMap((chunk) => [number(chunk.length), chunk])]);
}

/** The answer's octets. An answer that does not fit becomes an error that says so. */
export function encodeAnswer(answer: PluginAnswer): Uint8Array {
  const stdout = Buffer.from(answer.stdout);
  if (stdout.length > MAX_ANSWER_OCTETS) {
    const msg = `the result has ${stdout.length} octets; the plugin passes on at most ${MAX_ANSWER_OCTETS}`;
    return encodeAnswer({ exitCode: 1, stdout: JSON.stringify({ cniVersion: "1.0.0", code: 999, msg }) });
  }
  return Buffer.concat([number(stdout.length), Buffer.of(answer.exitCode & 255), stdout]);
}

/** Reads a whole answer. Throws ProtocolError `cutShort`. */
export function decodeAnswer(octets: Uint8Array): PluginAnswer {
  const answer = Buffer.from(octets.buffer, octets.byteOffset, octets.length);
  if (answer.length < 5 || answer.length !== 5 + answer.readUInt32LE()) {
    throw new ProtocolError("cutShort", "the agent went away before its answer was whole", {});
  }
  return { exitCode: answer.readUInt8(4), stdout: answer.subarray(5).toString("utf8") };
}

function number(value: number): Buffer {
  const octets = Buffer.alloc(4);
  octets.writeUInt32LE(value);
  return octets;
}
