/** BGP values as people write them. */
import { formatPrefix } from "../ip/prefix.ts";
import { type PrefixCode, prefixOfCode } from "../ip/prefix-code.ts";

export const formatPrefixCode = (prefix: PrefixCode): string => formatPrefix(prefixOfCode(prefix));
