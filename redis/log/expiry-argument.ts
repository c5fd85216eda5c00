/** A time to live that ends this soon takes the key away; applications renew longer ones all day. */
const SOON_MS = 10_000;
/** No number of milliseconds and no option is longer. */
const LONGEST = 64;
/** So many arguments are looked at. */
const LAST = 8;

type Unit = (value: number, atMs: number) => number;
const UNITS = {
  atMs: (value, atMs) => value - atMs,
  atSeconds: (value, atMs) => value * 1000 - atMs,
  inMs: (value) => value,
  inSeconds: (value) => value * 1000,
} as const satisfies Record<string, Unit>;

const OPTIONS: Readonly<Record<string, Unit>> = { PXAT: UNITS.atMs, EXAT: UNITS.atSeconds, PX: UNITS.inMs, EX: UNITS.inSeconds };
/** Commands whose second argument says it. */
const SECOND: Readonly<Record<string, Unit>> = {
  PEXPIREAT: UNITS.atMs,
  EXPIREAT: UNITS.atSeconds,
  PEXPIRE: UNITS.inMs,
  EXPIRE: UNITS.inSeconds,
  PSETEX: UNITS.inMs,
  SETEX: UNITS.inSeconds,
};

/** The first argument that is looked at, of a command that may say when its key ends. */
const firstOf = (name: string): number => (name === 'SET' ? 3 : name === 'RESTORE' || Object.hasOwn(SECOND, name) ? 2 : LAST);

/** Finds what a command says of the end of its key, in the piece that it lies in; an argument that lies in two is not looked at. */
export class ExpiryArgument {
  #values: string[] = [];
  #piece: Buffer = Buffer.alloc(0);
  #base: number;
  #mark: number;

  constructor(base: number) {
    this.#base = base;
    this.#mark = base;
  }

  piece(piece: Buffer, base: number): void {
    this.#piece = piece;
    this.#base = base;
  }

  argument(name: string, index: number, end: number): void {
    if (index === 0) this.#values = [];
    else if (index < LAST && index >= firstOf(name) && this.#mark >= this.#base) {
      const bytes = this.#piece.subarray(this.#mark - this.#base, end - this.#base);
      this.#values[index] = bytes.length > LONGEST ? '' : bytes.toString('latin1', bytes.indexOf(10) + 1, bytes.length - 2);
    }
    this.#mark = end;
  }

  /** Of a command that sets a time to live, or could: does the key go soon? An unknown moment is taken for a late one. */
  isSoon(name: string, atMs: number): boolean {
    const values = this.#values;
    if (name === 'SET') {
      const at = values.findIndex((value = '') => Object.hasOwn(OPTIONS, value.toUpperCase()));
      return ends(values[at + 1], OPTIONS[values[at]?.toUpperCase() ?? ''], atMs);
    }
    if (name !== 'RESTORE') return ends(values[2], SECOND[name], atMs);
    const isMoment = values.slice(4).some((value) => value.toUpperCase() === 'ABSTTL');
    return values[2] !== '0' && ends(values[2], isMoment ? UNITS.atMs : UNITS.inMs, atMs);
  }
}

const ends = (value: string | undefined, leftMs: Unit | undefined, atMs: number): boolean =>
  leftMs !== undefined && /^-?\d{1,15}$/.test(value ?? '') && leftMs(Number(value), atMs) <= SOON_MS;
