/** What pods and the outside host answer to: TCP and UDP echo (RFC 862), and HTTP. */
import type { NetNamespace } from "./namespaces.ts";

/** RFC 862. */
export const ECHO_PORT = 7;
export const HTTP_PORT = 80;

export interface EchoService {
  /** Idempotent; open connections end. */
  close(): void;
}

export interface EchoServices {
  /** Serves a namespace; every HTTP answer begins with `greeting`. Throws KernelError where a port is taken. */
  start(net: NetNamespace, greeting: string, httpPorts: readonly number[]): EchoService;
}
