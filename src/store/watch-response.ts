/** Events of one watch as framed responses. Watches of the same number that are told the same share the same octets. */
import type { ResponseHeader } from "../wire/etcd/kv.ts";
import { WATCH_EVENTS_FIELD } from "../wire/etcd/watch.ts";
import { encodeInto } from "../wire/protobuf.ts";
import { OctetSink } from "../wire/protobuf-octets.ts";
import { watchAnswerHead } from "./answers.ts";
import type { KeyEvent } from "./key-event.ts";

/** A longer response is split: between revisions, or anywhere where the client can put fragments together. */
export const MAX_RESPONSE_OCTETS = 1 << 20;
const FRAME_HEAD = 5;
/** Field 11, length-delimited. */
const EVENT_TAG = (WATCH_EVENTS_FIELD << 3) | 2;
/** Tag and length of an event, at most. */
const EVENT_HEAD = 6;

export interface ResponseSpec {
  readonly id: number;
  readonly wantsBefore: boolean;
  readonly takesFragments: boolean;
}

/** At least one event; one frame, or several that are fragments of one response. */
export function responseFrames(
  events: readonly KeyEvent[],
  { id, wantsBefore, takesFragments }: ResponseSpec,
  header: ResponseHeader,
): readonly Uint8Array[] {
  const last = events.at(-1);
  const known = last?.response;
  if (
    known?.watchId === id &&
    known.withBefore === wantsBefore &&
    known.inFragments === takesFragments &&
    isSame(known.events, events)
  ) {
    return known.frames;
  }
  const encoded = events.map((event) => event.octets(wantsBefore));
  const parts = takesFragments ? fragments(encoded) : [encoded];
  const frames = parts.map((part, index) =>
    frame({ header, watchId: id, fragment: index < parts.length - 1, events: part }),
  );
  if (last) last.response = { watchId: id, withBefore: wantsBefore, inFragments: takesFragments, events, frames };
  return frames;
}

const isSame = (a: readonly KeyEvent[], b: readonly KeyEvent[]): boolean =>
  a.length === b.length && a.every((event, index) => event === b[index]);

interface Response {
  readonly header: ResponseHeader;
  readonly watchId: number;
  readonly fragment: boolean;
  readonly events: readonly Uint8Array[];
}

function frame({ header, watchId, fragment, events }: Response): Uint8Array {
  const sink = new OctetSink(events.reduce((sum, { length }) => sum + length + EVENT_HEAD, 64));
  sink.reserve(FRAME_HEAD);
  encodeInto(sink, watchAnswerHead, { header, watchId, fragment });
  for (const event of events) {
    sink.varint(EVENT_TAG);
    sink.octets(event);
  }
  sink.patchU32(1, sink.length - FRAME_HEAD);
  return sink.finish();
}

function fragments(events: readonly Uint8Array[]): Uint8Array[][] {
  const parts: Uint8Array[][] = [[]];
  let octets = 0;
  for (const event of events) {
    if (octets > 0 && octets + event.length > MAX_RESPONSE_OCTETS) {
      parts.push([]);
      octets = 0;
    }
    parts.at(-1)?.push(event);
    octets += event.length;
  }
  return parts;
}
