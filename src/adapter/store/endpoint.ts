/** Where a store listens: `http://host:port`, `host:port`, `unix:///absolute/path`, `unix://relative/path`. */
import net from "node:net";
import { StoreError } from "../../port/store.ts";

export type Endpoint =
  | { readonly text: string; readonly path: string }
  | { readonly text: string; readonly host: string; readonly port: number };

/** Throws StoreError `unsupported` for TLS and `malformed` for the rest, with what is expected. */
export function parseEndpoint(text: string): Endpoint {
  if (text.startsWith("https://") || text.startsWith("unixs://")) {
    const message = `endpoint '${text}': TLS is not supported; use http:// or unix://`;
    throw new StoreError("unsupported", message, { endpoint: text });
  }
  const unix = /^unix:(?:\/\/)?([^/].*|\/[^/].*)$/.exec(text);
  if (unix?.[1] !== undefined) return { text, path: unix[1] };
  const tcp = /^(?:http:\/\/)?(\[[0-9a-fA-F:.%]+\]|[^/:[\]]+):(\d{1,5})\/?$/.exec(text);
  const port = Number(tcp?.[2]);
  if (tcp?.[1] === undefined || port > 65535) {
    const message = `endpoint '${text}' is not http://HOST:PORT or unix:///PATH`;
    throw new StoreError("malformed", message, { endpoint: text });
  }
  return { text, host: tcp[1].replace(/^\[|\]$/g, ""), port };
}

/** A connection that has begun; `connect` or `error` follows. */
export function dial(endpoint: Endpoint): net.Socket {
  const socket =
    "path" in endpoint ? net.connect(endpoint.path) : net.connect({ host: endpoint.host, port: endpoint.port });
  return socket.setNoDelay(true);
}
