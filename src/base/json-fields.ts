/** Reading JSON that others wrote: what is not of the wanted shape counts as absent. */
import type { Json, JsonObject } from "./json.ts";

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The object, or an empty one. */
export const objectOf = (value: Json | undefined): JsonObject => (isObject(value) ? value : {});

/** The list, or an empty one. */
export const arrayOf = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? value : []);

/** A text that is not empty. */
export const textOf = (value: Json | undefined): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined;

/** `spec` of a resource. */
export const specOf = (value: JsonObject | undefined): JsonObject => objectOf(value?.["spec"]);
