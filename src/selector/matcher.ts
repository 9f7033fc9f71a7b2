/** Selectors by their text, parsed once each: a cluster has few of them and asks them often. */
import { parseSelector } from "./parse.ts";
import { evaluate, type Labels, type Selector } from "./selector.ts";

/** Whether labels satisfy the selector of this text. Throws SelectorError for a text that is none. */
export type SelectorMatcher = (text: string, labels: Labels) => boolean;

export function selectorMatcher(): SelectorMatcher {
  const parsed = new Map<string, Selector>();
  return (text, labels) => {
    let selector = parsed.get(text);
    if (!selector) {
      selector = parseSelector(text);
      parsed.set(text, selector);
    }
    return evaluate(selector, labels);
  };
}
