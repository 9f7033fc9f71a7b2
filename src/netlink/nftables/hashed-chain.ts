/**
 * Rule comments as Felix writes them: `cali:` and 16 characters of a hash that covers the rule and all before it in the
 * chain (calico-dataplane "Names and hashes"), then what people may read. Equal hashes mean equal beginnings of chains.
 */
import { createHash } from "node:crypto";
import { expressionsKey } from "./expression-codec.ts";
import type { NftChain, NftRule } from "./tree.ts";

const HASH_CHARACTERS = 16;
/** What Felix leaves a comment; nft's own limit is 127. */
const COMMENT_OCTETS = 127;

const sha224 = (...parts: readonly string[]): Buffer => {
  const hash = createHash("sha224");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** The chain with a hash comment on each rule, before the rule's own comment. */
export function hashedChain(chain: NftChain): NftChain {
  let previous = sha224(chain.name).toString("base64url");
  const rules = chain.rules.map((rule): NftRule => {
    previous = sha224(previous, expressionsKey(rule.expressions), rule.comment ?? "").toString("base64url");
    const hash = `cali:${previous.slice(0, HASH_CHARACTERS)}`;
    const comment = rule.comment === undefined ? `${hash};` : `${hash}; ${rule.comment}`;
    return { ...rule, comment: cut(comment) };
  });
  return { ...chain, rules };
}

/** At most so many octets, never half a character. */
function cut(comment: string): string {
  const octets = new TextEncoder().encode(comment);
  if (octets.length <= COMMENT_OCTETS) return comment;
  return new TextDecoder().decode(octets.subarray(0, COMMENT_OCTETS)).replace(/\ufffd+$/, "");
}
