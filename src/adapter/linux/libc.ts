/**
 * The C library through koffi: the one place where system calls enter. Every call that fails throws KernelError with
 * the call's name and errno. Calls stay on the main thread unless a function says otherwise, since namespaces belong
 * to threads.
 */
import os from "node:os";
import koffi from "koffi";
import { KernelError } from "../../port/netlink.ts";

const library = koffi.load(null);
const libc = {
  socket: library.func("int socket(int domain, int type, int protocol)"),
  bind: library.func("int bind(int fd, const void *address, uint32_t length)"),
  listen: library.func("int listen(int fd, int backlog)"),
  accept4: library.func("int accept4(int fd, void *address, void *length, int flags)"),
  connect: library.func("int connect(int fd, const void *address, uint32_t length)"),
  getsockopt: library.func("int getsockopt(int fd, int level, int name, void *value, void *length)"),
  getsockname: library.func("int getsockname(int fd, void *address, void *length)"),
  getpeername: library.func("int getpeername(int fd, void *address, void *length)"),
  setsockopt: library.func("int setsockopt(int fd, int level, int name, const void *value, uint32_t length)"),
  send: library.func("int64_t send(int fd, const void *octets, uint64_t length, int flags)"),
  sendto: library.func(
    "int64_t sendto(int fd, const void *octets, uint64_t length, int flags, const void *to, uint32_t tolen)",
  ),
  recv: library.func("int64_t recv(int fd, void *octets, uint64_t length, int flags)"),
  recvfrom: library.func(
    "int64_t recvfrom(int fd, void *octets, uint64_t length, int flags, void *from, void *fromlen)",
  ),
  open: library.func("int open(const char *path, int flags, int mode)"),
  close: library.func("int close(int fd)"),
  ioctl: library.func("int ioctl(int fd, unsigned long request, void *argument)"),
  ioctlInt: library.func("ioctl", "int", ["int", "unsigned long", "long"]),
  /** Variable arguments of no more than a register each come where fixed ones do on the processors that Node has binaries for. */
  syscall: library.func("int64_t syscall(int64_t number, int64_t command, void *attributes, int64_t length)"),
  setns: library.func("int setns(int fd, int type)"),
  unshare: library.func("int unshare(int flags)"),
  mount: library.func(
    "int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)",
  ),
  umount2: library.func("int umount2(const char *target, int flags)"),
  sethostname: library.func("int sethostname(const char *name, uint64_t length)"),
  prctl: library.func("int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)"),
  kill: library.func("int kill(int pid, int signal)"),
  fcntl: library.func("int fcntl(int fd, int command, void *argument)"),
  fcntlInt: library.func("fcntl", "int", ["int", "int", "int"]),
} as const;

/** Calls of a packet's path: memory is told by its address, so that nothing is made for a call. */
const onMemory = {
  read: library.func("int64_t read(int fd, int64_t address, uint64_t length)"),
  write: library.func("int64_t write(int fd, int64_t address, uint64_t length)"),
  writev: library.func("int64_t writev(int fd, int64_t vectors, int count)"),
  sendmmsg: library.func("int sendmmsg(int fd, int64_t messages, unsigned int count, int flags)"),
  recvmmsg: library.func("int recvmmsg(int fd, int64_t messages, unsigned int count, int flags, int64_t timeout)"),
} as const;

const errnoNames = new Map(Object.entries(os.constants.errno).map(([name, number]) => [number, name]));
errnoNames.set(95, "EOPNOTSUPP");

/** The symbol of an errno, `ERR<n>` when it has none here. */
export const errnoName = (number: number): string => errnoNames.get(number) ?? `ERR${number}`;

type Call = keyof typeof libc;

/** Calls and throws KernelError on −1. `subject` is what the call was about, for the message. */
export function call(name: Call, args: readonly unknown[], subject?: string): number {
  const result = Number(libc[name](...args));
  if (result < 0) throw kernelError(name, koffi.errno(), subject);
  return result;
}

/** Calls and returns the result, or −errno where it fails: for calls whose failure is an everyday answer. */
export function tryCall(name: Call, args: readonly unknown[]): number {
  const result = Number(libc[name](...args));
  return result < 0 ? -koffi.errno() : result;
}

/** read(2) and write(2) at an address, and what they do for several pieces and messages: the result, or −errno. */
export const memoryCalls = {
  read: (fd: number, address: number, length: number): number => outcome(onMemory.read(fd, address, length)),
  write: (fd: number, address: number, length: number): number => outcome(onMemory.write(fd, address, length)),
  writev: (fd: number, vectors: number, count: number): number => outcome(onMemory.writev(fd, vectors, count)),
  sendmmsg: (fd: number, messages: number, count: number): number => outcome(onMemory.sendmmsg(fd, messages, count, 0)),
  recvmmsg: (fd: number, messages: number, count: number): number =>
    outcome(onMemory.recvmmsg(fd, messages, count, 0, 0)),
} as const;

const outcome = (result: number): number => (result < 0 ? -koffi.errno() : result);

/** Calls on a thread of koffi's pool. The arguments must stay untouched until it resolves. */
export function callOffLoop(name: Call, args: readonly unknown[], subject?: string): Promise<number> {
  return new Promise((resolve, reject) => {
    libc[name].async(...args, (failure: unknown, result: number | bigint) => {
      if (failure) reject(failure);
      else if (Number(result) < 0) reject(kernelError(name, koffi.errno(), subject));
      else resolve(Number(result));
    });
  });
}

export function kernelError(name: string, number: number, subject?: string): KernelError {
  const errno = errnoName(number);
  return new KernelError({ call: name, errno, number, ...(subject === undefined ? {} : { subject }) });
}

/** Where a buffer lies, for structures that point to others. Valid while the buffer is referenced and in use. */
export const addressOf = (octets: Uint8Array): bigint => BigInt(koffi.address(octets));

/** Wakes the event loop when the descriptor is readable. The handle must stay referenced, or nothing arrives. */
export const pollReadable = (fd: number, ready: () => void): { close(): void } => poll(fd, { readable: true }, ready);

/** The same when it can be written, or a connection that was asked for is made or has failed. */
export const pollWritable = (fd: number, ready: () => void): { close(): void } => poll(fd, { writable: true }, ready);

function poll(fd: number, events: { readable?: true; writable?: true }, ready: () => void): { close(): void } {
  const handle = koffi.node.poll(fd, events, () => ready());
  return { close: () => handle.close() };
}
