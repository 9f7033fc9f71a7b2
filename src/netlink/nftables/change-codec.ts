/** The changes of a plan as messages of a batch. */
import type { Writer } from "../../wire/writer.ts";
import { Flag } from "../message.ts";
import type { Batch } from "./batch.ts";
import { MessageType } from "./codes.ts";
import {
  writeChain,
  writeChainName,
  writeRule,
  writeRulesOf,
  writeSet,
  writeSetName,
  writeTable,
  writeTableName,
} from "./object-encoder.ts";
import type { TableChange } from "./plan.ts";
import { type NftChain, type NftTable, tableName } from "./tree.ts";

/** A table as its changes name it. */
export type TableHead = Pick<NftTable, "family" | "name" | "comment">;

type Several = "addRules" | "addElements" | "deleteElements";

interface ChangeMessage {
  readonly type: number;
  readonly flags?: number;
  readonly subject: string;
  readonly body: (writer: Writer) => void;
}

/** Adds one change of a table to a batch. Throws NftTreeError where the tree has what no kernel could hold. */
export function addChange(batch: Batch, table: TableHead, change: TableChange): void {
  switch (change.change) {
    case "addRules":
      addRules(batch, table, change.chain);
      break;
    case "addElements":
    case "deleteElements": {
      const type = change.change === "addElements" ? MessageType.newElements : MessageType.deleteElements;
      const { shape, entries } = change;
      batch.elements({ type, family: table.family, table: table.name, shape, entries });
      break;
    }
    default:
      add(batch, table, messageOf(table, change, batch.messages));
  }
}

function add(batch: Batch, table: TableHead, { subject, ...message }: ChangeMessage): void {
  batch.add({ ...message, family: table.family, subject: `${subject} of table ${tableName(table)}` });
}

function addRules(batch: Batch, table: TableHead, { name, rules }: NftChain): void {
  for (const [index, rule] of rules.entries()) {
    add(batch, table, {
      type: MessageType.newRule,
      flags: Flag.create | Flag.append,
      subject: `rule ${index + 1} of chain ${name}`,
      body: (writer) => writeRule(writer, table.name, name, rule),
    });
  }
}

/** `id` names a new set inside the transaction. */
function messageOf(
  table: TableHead,
  change: Exclude<TableChange, { readonly change: Several }>,
  id: number,
): ChangeMessage {
  const { name } = table;
  switch (change.change) {
    case "addTable":
      return {
        type: MessageType.newTable,
        flags: Flag.create,
        subject: "the head",
        body: (writer) => writeTable(writer, table),
      };
    case "deleteTable":
      return { type: MessageType.deleteTable, subject: "all", body: (writer) => writeTableName(writer, name) };
    case "flushChain":
      return {
        type: MessageType.deleteRule,
        subject: `rules of chain ${change.name}`,
        body: (writer) => writeRulesOf(writer, name, change.name),
      };
    case "deleteChain":
      return {
        type: MessageType.deleteChain,
        subject: `chain ${change.name}`,
        body: (writer) => writeChainName(writer, name, change.name),
      };
    case "deleteSet":
      return {
        type: MessageType.deleteSet,
        subject: `set ${change.name}`,
        body: (writer) => writeSetName(writer, name, change.name),
      };
    case "addChain":
      return {
        type: MessageType.newChain,
        flags: Flag.create,
        subject: `chain ${change.chain.name}`,
        body: (writer) => writeChain(writer, table, change.chain),
      };
    case "setPolicy":
      return {
        type: MessageType.newChain,
        subject: `policy of chain ${change.chain.name}`,
        body: (writer) => writeChainName(writer, name, change.chain.name, change.chain.base?.policy),
      };
    case "addSet":
      return {
        type: MessageType.newSet,
        flags: Flag.create,
        subject: `set ${change.set.name}`,
        body: (writer) => writeSet(writer, name, change.set, id),
      };
  }
}
