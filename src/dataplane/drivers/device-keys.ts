/** Keys of items by the name of the device that they hang on. */
export class DeviceKeys {
  /** One key alone, or a set of them: a pod's device carries one route. */
  readonly #keys = new Map<string, string | Set<string>>();

  add(device: string, key: string): void {
    const there = this.#keys.get(device);
    if (there === undefined) this.#keys.set(device, key);
    else if (typeof there === "object") there.add(key);
    else if (there !== key) this.#keys.set(device, new Set([there, key]));
  }

  delete(device: string, key: string): void {
    const there = this.#keys.get(device);
    if (there === key) this.#keys.delete(device);
    else if (typeof there === "object" && there.delete(key) && there.size === 0) this.#keys.delete(device);
  }

  has(device: string): boolean {
    return this.#keys.has(device);
  }

  /** Removes and returns the keys of a device. */
  take(device: string): Iterable<string> {
    const there = this.#keys.get(device);
    if (there === undefined) return [];
    this.#keys.delete(device);
    return typeof there === "string" ? [there] : there;
  }

  clear(): void {
    this.#keys.clear();
  }
}
