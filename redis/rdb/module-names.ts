const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** The names of the module types in one RDB. A server without one of these modules refuses to load it. */
export class ModuleNames {
  readonly #names: Set<string> = new Set();
  #lastHigh = -1;
  #lastLow = -1;

  /** The 64-bit id of a type: nine letters of six bits, then ten bits of version. Most keys repeat the one before. */
  noteType(high: number, low: number): void {
    if (high === this.#lastHigh && low === this.#lastLow) return;
    this.#lastHigh = high;
    this.#lastLow = low;
    let letters = (BigInt(high) << 22n) | BigInt(low >>> 10);
    let name = '';
    for (; name.length < 9; letters >>= 6n) name = LETTERS[Number(letters & 63n)] + name;
    this.#names.add(name);
  }

  /**
   * The 32-bit id of a class of key metadata: four letters, five bits of version, three of flags.
   * @see redis 8.6 src/keymeta.c, keyMetaClassDecode: its full name has META- before it
   */
  noteMetadataClass(id: number): void {
    const letters = [26, 20, 14, 8].map((shift) => LETTERS[(id >>> shift) & 63]);
    this.#names.add(`META-${letters.join('')}`);
  }

  list(): string[] {
    return [...this.#names].sort();
  }
}
