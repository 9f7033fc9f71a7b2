/** The status codes of gRPC, by their words: https://github.com/grpc/grpc/blob/master/doc/statuscodes.md */

export const grpcStatus = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const;

export type GrpcStatus = keyof typeof grpcStatus;

/** The text of a `grpc-message` trailer: UTF-8, with percent signs for what is not printable ASCII. */
export function encodeGrpcMessage(text: string): string {
  return Buffer.from(text)
    .toString("latin1")
    .replaceAll(/[^ -~]|%/g, (octet) => `%${octet.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`);
}

/** The other way; what is not well-formed stays as it is. */
export function decodeGrpcMessage(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (failure) {
    if (failure instanceof URIError) return text;
    throw failure;
  }
}
