import type { KeyKind } from '../../model/key-kind.ts';

/** So much of a key is looked at, beyond a brace in front. */
export const KIND_BYTES = 25;
/** Names of people and tokens are as many as keys; kinds of names are few. */
const MOST_NOTED = 4096;
const MOST_TOLD = 64;
/** What fewer keys begin with is no kind, and may be somebody's name. */
const FEWEST_KEYS = 10;

const BRACE = 0x7b;
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/**
 * Counts keys by the letters that their names begin with: `session` for `session:8a7f`, `order` for `{order}:1`. Bounded
 * memory.
 */
export class KeyKinds {
  readonly #found: Map<number, { name: string; keys: number }> = new Map();

  /** @param end - of the key, or of as much as is at hand: KIND_BYTES are enough */
  note(bytes: Uint8Array, start: number, end: number): void {
    const from = start < end && bytes[start] === BRACE ? start + 1 : start;
    const most = Math.min(end, from + KIND_BYTES - 1);
    let hash = FNV_OFFSET;
    let at = from;
    for (; at < most; at++) {
      const byte = bytes[at] as number;
      if (!isLetter(byte)) break;
      hash = Math.imul(hash ^ byte, FNV_PRIME);
    }
    const known = this.#found.get(hash);
    if (known) known.keys += 1;
    else if (this.#found.size < MOST_NOTED)
      this.#found.set(hash, { name: Buffer.from(bytes.subarray(from, at)).toString('latin1'), keys: 1 });
  }

  /** Those of the most keys, the most first. */
  list(): KeyKind[] {
    return [...this.#found.values()]
      .filter(({ keys }) => keys >= FEWEST_KEYS)
      .sort((a, b) => b.keys - a.keys || (a.name < b.name ? -1 : 1))
      .slice(0, MOST_TOLD)
      .map(({ name, keys }) => ({ name, keys }));
  }
}

const isLetter = (byte: number): boolean => (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a) || byte === 0x5f;
