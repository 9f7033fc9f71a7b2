/**
 * Expressions in octets (NFTA_EXPR_*), by the rows of `expression-rows.ts`. What no row can say without loss is kept as
 * `unknown`, octet for octet. Encoding is deterministic, so that equal octets mean equal expressions.
 */
import { Writer } from "../../wire/writer.ts";
import { type AttributeCodec, AttributeSet, listOf, octets, text } from "../attributes.ts";
import { beginAttribute, endAttribute, NESTED, NetlinkFormatError } from "../message.ts";
import type { Expression, Hex } from "./expression.ts";
import { type ExpressionRow, expressionRows } from "./expression-rows.ts";

const NFTA_LIST_ELEM = 1;
const NFTA_EXPR_NAME = 1;
const NFTA_EXPR_DATA = 2;
const envelope = new AttributeSet({ kernelName: [NFTA_EXPR_NAME, text], data: [NFTA_EXPR_DATA, octets] });
const EMPTY = new Uint8Array();

const rowsByKernelName = new Map<string, ExpressionRow[]>();
for (const row of Object.values(expressionRows)) {
  rowsByKernelName.set(row.kernelName, [...(rowsByKernelName.get(row.kernelName) ?? []), row]);
}

const expression: AttributeCodec<Expression> = {
  nested: true,
  decode(view, at, length) {
    const { kernelName, data = EMPTY } = envelope.decode(view, at, at + length);
    if (kernelName === undefined) throw new NetlinkFormatError("badAttribute", "expression without a name", at);
    const dataView = new DataView(data.buffer, data.byteOffset, data.length);
    for (const row of rowsByKernelName.get(kernelName) ?? []) {
      const found = row.decode(dataView, 0, data.length);
      if (found) return found;
    }
    return { name: "unknown", kernelName, octets: Buffer.from(data).toString("hex") };
  },
  encode(writer, value) {
    const row = value.name === "unknown" ? undefined : expressionRows[value.name];
    const name = beginAttribute(writer, NFTA_EXPR_NAME);
    text.encode(writer, value.name === "unknown" ? value.kernelName : (row?.kernelName ?? value.name));
    endAttribute(writer, name);
    const data = beginAttribute(writer, NFTA_EXPR_DATA | NESTED);
    if (value.name === "unknown") writer.octets(Buffer.from(value.octets, "hex"));
    else row?.encode(writer, value);
    endAttribute(writer, data);
  },
};

/** NFTA_RULE_EXPRESSIONS. Throws NetlinkFormatError. */
export const expressions: AttributeCodec<readonly Expression[]> = listOf(expression, NFTA_LIST_ELEM);

/** What tells whether two lists of expressions do the same; counts are left out. */
export function expressionsKey(list: readonly Expression[]): Hex {
  const writer = new Writer(256);
  expressions.encode(writer, list);
  return Buffer.from(writer.finish()).toString("hex");
}
