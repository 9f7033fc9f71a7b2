/**
 * What the plugin executable does, once for every processor: it hands its arguments, its environment and its standard
 * input to the agent's Unix socket and the agent's answer back (`wire/plugin-call.ts`). It holds no state and decides
 * nothing, with one exception: where no agent answers it says so as the CNI specification wants it, and answers VERSION
 * by itself.
 *
 *   a  socket                 c  pointer            e  end of a range
 *   b  buffer on the stack    d  count, length      f  environment
 */
import { MAX_ANSWER_OCTETS, PROTOCOL_MAGIC } from "../../wire/plugin-call.ts";
import { errorCodes, errorHead, errorTail, OWN_VERSIONS } from "../no-answer.ts";
import { type Machine, PluginError, word } from "./machine.ts";

const AF_UNIX = 1;
const SOCK_STREAM_CLOEXEC = 0x80001;
const MSG_NOSIGNAL = 0x4000;
const STDIN = 0;
const STDOUT = 1;
/** sun_path has 108 octets, the last one zero. */
const MAX_PATH_OCTETS = 107;

/** Room for an answer, and for a chunk of standard input with its length in front. */
const BUFFER_OCTETS = 65536;

/** Writes the whole program. Throws PluginError `pathTooLong`. */
export function writePluginProgram(machine: Machine, socketPath: string): void {
  const path = Buffer.from(socketPath);
  if (path.length > MAX_PATH_OCTETS) {
    throw new PluginError("pathTooLong", `socket path '${socketPath}' is longer than ${MAX_PATH_OCTETS} octets`, {
      subject: socketPath,
    });
  }
  const texts = textsFor(socketPath);
  start(machine, path.length + 3);
  copyInput(machine);
  copyAnswer(machine);
  noAnswer(machine, texts);
  sendStrings(machine);
  sendAll(machine);
  // struct sockaddr_un: a family of 16 bits, the path, a zero octet.
  machine.data("address", Buffer.concat([Buffer.of(AF_UNIX, 0), path, Buffer.of(0)]));
  for (const [label, text] of Object.entries(texts)) machine.data(label, text);
}

type Texts = Readonly<Record<"versions" | "errorHead" | "tryAgainCode" | "notAvailableCode" | "errorTail", Buffer>>;

const textsFor = (socketPath: string): Texts => ({
  versions: Buffer.from(OWN_VERSIONS),
  errorHead: Buffer.from(errorHead),
  tryAgainCode: Buffer.from(errorCodes.other),
  notAvailableCode: Buffer.from(errorCodes.STATUS),
  errorTail: Buffer.from(errorTail(socketPath)),
});

function start(m: Machine, addressOctets: number): void {
  m.entry("c");
  m.load64("d", "c", 0);
  m.addNumber("c", 8);
  // The environment begins behind the null that ends the arguments: c + 8 * (argc + 1).
  for (let doubling = 0; doubling < 3; doubling++) m.add("d", "d");
  m.move("f", "c");
  m.add("f", "d");
  m.addNumber("f", 8);
  m.reserve("b", BUFFER_OCTETS);
  m.systemCall("socket", AF_UNIX, SOCK_STREAM_CLOEXEC, 0);
  m.jumpIf("result", "negative", 0, "noAnswer");
  m.move("a", "result");
  m.systemCall("connect", "a", { label: "address" }, addressOctets);
  m.jumpIf("result", "negative", 0, "noAnswer");
  m.set("d", PROTOCOL_MAGIC);
  m.store32("d", "b", 0);
  m.move("e", "b");
  m.set("d", 4);
  m.call("sendAll");
  m.call("sendStrings");
  m.move("c", "f");
  m.call("sendStrings");
}

/** Standard input in chunks, each behind its length; the end of input is a chunk of length 0. */
function copyInput(m: Machine): void {
  m.label("copyInput");
  m.move("e", "b");
  m.addNumber("e", 4);
  m.systemCall("read", STDIN, "e", BUFFER_OCTETS - 4);
  m.move("d", "result");
  m.jumpIf("d", "negative", 0, "noAnswer");
  m.store32("d", "b", 0);
  m.move("c", "d");
  m.addNumber("d", 4);
  m.move("e", "b");
  m.call("sendAll");
  m.jumpIf("c", "notEqual", 0, "copyInput");
}

/** The answer is read whole before a word of it is printed, so that a dying agent never leaves half a result. */
function copyAnswer(m: Machine): void {
  m.set("d", 0);
  m.label("readAnswer");
  m.move("e", "b");
  m.add("e", "d");
  m.set("c", MAX_ANSWER_OCTETS + 5);
  m.subtract("c", "d");
  m.systemCall("read", "a", "e", "c");
  m.move("c", "result");
  m.jumpIf("c", "negative", 0, "noAnswer");
  m.jumpIf("c", "equal", 0, "noAnswer");
  m.add("d", "c");
  m.jumpIf("d", "below", 5, "readAnswer");
  m.load32("c", "b", 0);
  m.addNumber("c", 5);
  m.jumpIfSame("c", "d", "printAnswer");
  m.jump("readAnswer");

  m.label("printAnswer");
  m.load32("d", "b", 0);
  m.load8("c", "b", 4);
  m.move("e", "b");
  m.addNumber("e", 5);
  m.label("print");
  m.jumpIf("d", "equal", 0, "exit");
  m.systemCall("write", STDOUT, "e", "d");
  m.jumpIf("result", "negative", 0, "exit");
  m.add("e", "result");
  m.subtract("d", "result");
  m.jump("print");
  m.label("exit");
  m.systemCall("exit", "c");
}

/** Nobody answers: VERSION is told all the same, STATUS has its own error code. */
function noAnswer(m: Machine, texts: Texts): void {
  const print = (label: keyof Texts): void => m.systemCall("write", STDOUT, { label }, texts[label].length);
  m.label("noAnswer");
  m.load64("c", "f", 0);
  m.addNumber("f", 8);
  m.jumpIf("c", "equal", 0, "error");
  for (const [index, part] of ["CNI_", "COMM", "AND="].entries()) {
    m.jumpUnlessWord("c", 4 * index, word(part), "noAnswer");
  }
  m.jumpUnlessWord("c", 12, word("VERS"), "error");
  print("versions");
  m.set("c", 0);
  m.jump("exit");
  m.label("error");
  print("errorHead");
  m.jumpIf("c", "equal", 0, "otherCommand");
  m.jumpUnlessWord("c", 12, word("STAT"), "otherCommand");
  print("notAvailableCode");
  m.jump("explain");
  m.label("otherCommand");
  print("tryAgainCode");
  m.label("explain");
  print("errorTail");
  m.set("c", 1);
  m.jump("exit");
}

/** Sends the strings of the array at c, which lie end to end as the kernel put them, as one chunk. */
function sendStrings(m: Machine): void {
  m.label("sendStrings");
  m.enter();
  m.load64("e", "c", 0);
  m.move("d", "e");
  m.jumpIf("e", "equal", 0, "stringsEnd");
  m.label("nextString");
  m.load64("d", "c", 0);
  m.jumpIf("d", "equal", 0, "lastString");
  m.addNumber("c", 8);
  m.jump("nextString");
  m.label("lastString");
  m.load64("d", "c", -8);
  m.label("nextOctet");
  m.load8("c", "d", 0);
  m.addNumber("d", 1);
  m.jumpIf("c", "notEqual", 0, "nextOctet");
  m.label("stringsEnd");
  m.subtract("d", "e");
  m.store32("d", "b", 0);
  m.move("c", "e");
  m.move("e", "b");
  m.store32("d", "b", 8);
  m.set("d", 4);
  m.call("sendAll");
  m.load32("d", "b", 8);
  m.move("e", "c");
  m.call("sendAll");
  m.leave();
  m.back();
}

/** Sends d octets at e. What cannot be sent any more is not: the agent may have answered already. */
function sendAll(m: Machine): void {
  m.label("sendAll");
  m.jumpIf("d", "equal", 0, "sent");
  m.systemCall("sendto", "a", "e", "d", MSG_NOSIGNAL, 0, 0);
  m.jumpIf("result", "negative", 0, "sent");
  m.add("e", "result");
  m.subtract("d", "result");
  m.jump("sendAll");
  m.label("sent");
  m.back();
}
