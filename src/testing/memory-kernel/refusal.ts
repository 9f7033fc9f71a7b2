/** A refusal inside the memory kernel: what the request is answered with. */
export class Refusal extends Error {
  readonly errno: number;

  /** `text`: the words of the extended acknowledgement, empty for none. */
  constructor(errno: number, text = "") {
    super(text);
    this.errno = errno;
  }
}

export const Errno = {
  ENOENT: 2,
  ESRCH: 3,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  EOPNOTSUPP: 95,
  EADDRNOTAVAIL: 99,
  ENETDOWN: 100,
  ENETUNREACH: 101,
} as const;
