/** Text as an octet text (see `octetText` in protobuf.ts) and back: the same where all is ASCII, UTF-8 elsewhere. */

// biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is what is asked for
const ASCII = /^[\x00-\x7f]*$/;

export const octetTextOf = (text: string): string =>
  ASCII.test(text) ? text : Buffer.from(text, "utf8").toString("latin1");

export const textOfOctets = (octets: string): string =>
  ASCII.test(octets) ? octets : Buffer.from(octets, "latin1").toString("utf8");
