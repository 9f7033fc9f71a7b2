/** `metadata` of every resource, in the order of Kubernetes' ObjectMeta. */
import * as v from "valibot";
import { listOf, object, optional, text } from "./fields.ts";

const stringMap = v.record(v.string(), text);
const anyObject = v.looseObject({});

export const metadataSchema = object({
  name: optional(text),
  generateName: optional(text),
  namespace: optional(text),
  selfLink: optional(text),
  uid: optional(text),
  resourceVersion: optional(text),
  generation: optional(v.number("expected a number")),
  creationTimestamp: optional(text),
  deletionTimestamp: optional(text),
  deletionGracePeriodSeconds: optional(v.number("expected a number")),
  labels: optional(stringMap),
  annotations: optional(stringMap),
  ownerReferences: optional(listOf(anyObject)),
  finalizers: optional(listOf(text)),
  managedFields: optional(listOf(anyObject)),
});
