import { CONTAINERS } from './write-commands.ts';

/** What the reader itself must know of a command. */
export const KIND = { other: 0, select: 1, multi: 2, exec: 3 } as const;
export type Kind = (typeof KIND)[keyof typeof KIND];
const KINDS: Record<string, Kind> = { SELECT: KIND.select, MULTI: KIND.multi, EXEC: KIND.exec, DISCARD: KIND.exec };

export interface CommandName {
  /** As it stands in the log, as latin1. */
  readonly typed: string;
  /** In capitals, and what it is called where nobody renamed it. */
  readonly name: string;
  readonly kind: Kind;
  /** The argument behind it is a part of the name. */
  readonly hasSubcommands: boolean;
  /** The argument behind it is needed: a sub-command, or the number of a database. */
  readonly needsSecond: boolean;
  /** Arguments from this one on may name a database. */
  readonly databasesFrom: number;
}

/** No argument names one. */
export const NO_DATABASES: number = 2 ** 30 - 1;
/** Beside SELECT. COPY has them behind the option DB. */
const DATABASES: Record<string, number> = { SWAPDB: 1, MOVE: 2, COPY: 3 };

export const NO_NAME: CommandName = {
  typed: '',
  name: '',
  kind: KIND.other,
  hasSubcommands: false,
  needsSecond: false,
  databasesFrom: NO_DATABASES,
};

interface Slot extends CommandName {
  readonly bytes: Uint8Array;
}

/** A power of two, several times the number of commands that an application uses. */
const SLOTS = 1024;
/** Longer than any name of Redis, and than what people put in its place to hide it. */
const LONGEST_KEPT = 128;

/** Finds the name of a command by its bytes, without making a string for each command that goes by. */
export class CommandNames {
  readonly #renamed: ReadonlyMap<string, string>;
  readonly #slots: (Slot | undefined)[] = new Array<undefined>(SLOTS).fill(undefined);

  /** @param renamed - commands that the source has renamed: as typed → real name. Redis ignores case in both. */
  constructor(renamed: Readonly<Record<string, string>> = {}) {
    this.#renamed = new Map(Object.entries(renamed).map(([typed, real]) => [typed.toUpperCase(), real.toUpperCase()]));
  }

  find(bytes: Buffer, from: number, to: number): CommandName {
    const length = to - from;
    const first = bytes[from] as number;
    const middle = bytes[(from + to) >> 1] as number;
    const last = bytes[to - 1] as number;
    const slot = (length + first * 7 + middle * 31 + last * 131) & (SLOTS - 1);
    const known = this.#slots[slot];
    if (known !== undefined && known.bytes.length === length && isAt(known.bytes, bytes, from)) return known;
    const found = this.of(bytes.toString('latin1', from, to));
    if (length <= LONGEST_KEPT) this.#slots[slot] = { ...found, bytes: Uint8Array.from(bytes.subarray(from, to)) };
    return found;
  }

  of(typed: string): CommandName {
    const upper = typed.toUpperCase();
    const name = this.#renamed.get(upper) ?? upper;
    const kind = KINDS[name] ?? KIND.other;
    const hasSubcommands = CONTAINERS.has(name);
    const databasesFrom = Object.hasOwn(DATABASES, name) ? (DATABASES[name] as number) : NO_DATABASES;
    return { typed, name, kind, hasSubcommands, needsSecond: hasSubcommands || kind === KIND.select, databasesFrom };
  }
}

function isAt(wanted: Uint8Array, bytes: Buffer, from: number): boolean {
  for (let index = 0; index < wanted.length; index++) if (wanted[index] !== bytes[from + index]) return false;
  return true;
}
