/** What the path of a Unix socket may be: sun_path less the final zero, unix(7). */

/** Octets. */
export const LONGEST_SOCKET_PATH = 107;

export const fitsSocket = (path: string): boolean => Buffer.byteLength(path) <= LONGEST_SOCKET_PATH;
