/**
 * V8 hashes a bigint by its lower 64 bits alone (BigInt::Hash). IPv6 networks of 64 bits and less have those in common, and so
 * do gateways that are `::1` each in a network of their own: a Map of 100,000 of them would be one list.
 */
const HALF_BITS = 64n;

/** An IPv6 address with its upper half mixed into the lower one: another for each address, and its own inverse. */
export const mixedHalves = (address: bigint): bigint => address ^ (address >> HALF_BITS);
