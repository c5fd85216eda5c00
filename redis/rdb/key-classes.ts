import type { DataClass } from '../../model/data-class.ts';
import { compileGlob, type Glob } from './glob.ts';
import { type KeyKinds, KIND_BYTES } from './key-kinds.ts';

/** A key longer than this is compared by its first bytes, and belongs to no class whose pattern wants to see its end. */
export const LONGEST_KEY_BYTES = 65_536;

/** Finds the data class of a key: the first, in the order given, whose pattern matches. Keys are bytes in place. */
export class KeyClasses {
  /** Index of the class of keys that no pattern matches. */
  readonly other: number;
  /** How much of a key is looked at: with patterns like `session:*` only the longest prefix. */
  readonly bytesNeeded: number;
  readonly #kinds: KeyKinds | undefined;
  readonly #globs: Glob[];
  /** For each first byte, the classes that a key may then have; [256] for the empty key. */
  readonly #candidates: number[][];

  /** @param kinds - where each key that is asked about is noted, too */
  constructor(classes: readonly DataClass[], kinds?: KeyKinds) {
    this.#kinds = kinds;
    this.#globs = classes.map(({ pattern }) => compileGlob(pattern));
    this.other = classes.length;
    const endMatters = this.#globs.some(({ rest }) => rest !== 'anything');
    const longest = Math.max(kinds ? KIND_BYTES : 0, ...this.#globs.map(({ prefix }) => prefix.length));
    this.bytesNeeded = endMatters ? LONGEST_KEY_BYTES : longest;
    const mayBegin = (byte: number) => this.#globs.flatMap(({ prefix }, index) => ((prefix[0] ?? byte) === byte ? [index] : []));
    this.#candidates = Array.from({ length: 257 }, (_, byte) => mayBegin(byte));
  }

  /** @param whole - bytes[start, end) is all of the key, not only as much as is needed */
  classOf(bytes: Uint8Array, start: number, end: number, whole: boolean): number {
    this.#kinds?.note(bytes, start, end);
    const candidates = this.#candidates[end > start ? (bytes[start] as number) : 256] as number[];
    for (let i = 0; i < candidates.length; i++) {
      const index = candidates[i] as number;
      if (belongs(this.#globs[index] as Glob, bytes, start, end, whole)) return index;
    }
    return this.other;
  }
}

function belongs({ prefix, rest, matchesRest }: Glob, bytes: Uint8Array, start: number, end: number, whole: boolean): boolean {
  const { length } = prefix;
  if (end - start < length) return false;
  for (let i = 0; i < length; i++) if (bytes[start + i] !== prefix[i]) return false;
  if (rest === 'anything') return true;
  if (!whole) return false;
  return rest === 'nothing' ? end - start === length : matchesRest(bytes, start + length, end);
}
