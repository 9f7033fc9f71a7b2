/** The resources that a topology file starts with (`apply:`). */
import type { JsonObject } from "../base/json.ts";
import { below, decodeResource, type Origin } from "../resources/input/decode.ts";
import type { YamlFields } from "./yaml-fields.ts";

/** As they were written, checked as far as each can be by itself. Throws InputError for what is no resource. */
export function startObjectsOf(fields: YamlFields, origin: Origin): readonly JsonObject[] {
  return fields.values("apply").flatMap((value, index) =>
    decodeResource(value, below(origin, ["apply", index])).map(({ raw, brokenRules, unknownFields }) => {
      for (const { path, reason } of [...brokenRules, ...unknownFields]) {
        fields.wrong("apply", reason, [index, ...path]);
      }
      return raw;
    }),
  );
}
