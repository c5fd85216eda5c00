import type { Census } from '../../model/backup/census.ts';
import type { ClassExpiries } from '../../model/backup/expiry-timeline.ts';
import type { RdbFacts } from '../../model/backup/manifest.ts';
import type { DataClass } from '../../model/data-class.ts';
import type { DatabaseKeys } from '../../model/restore/rehearsal.ts';
import { Crc64 } from './crc64.ts';
import { checksumMismatch, foreign, malformedRdb, RdbError } from './errors.ts';
import { HEADER_BYTES, isProvenVersion, TRAILER_BYTES, trailerBytesOf } from './format.ts';
import { KeyClasses } from './key-classes.ts';
import { KeyKinds } from './key-kinds.ts';
import { Tally } from './tally.ts';
import { Walker } from './walker.ts';

export interface RdbReaderOptions {
  /** The first class whose pattern matches has the key; `other` has the rest. */
  classes: readonly DataClass[];
  /** Where remaining times to live are counted from, milliseconds since 1970. 0: from `ctime`, which the RDB itself has. */
  takenAtMs: number;
  /** Also count expiries by the second, of each class of each database, from `fromMs` on; `true`: from `takenAtMs` on. */
  expiryTimeline?: boolean | { fromMs: number; horizonSeconds?: number };
}

export interface RdbReading {
  facts: RdbFacts;
  census: Census;
  /** Keys alive at `takenAtMs`, by database and class. */
  alive: DatabaseKeys[];
  /** Of each class of each database that has a key of it. */
  expiries?: ClassExpiries[];
  /** What the RDB says of itself, in Redis' words: `redis-ver`, `ctime`, `repl-stream-db` … */
  aux: Record<string, string>;
}

export interface RdbReader {
  /**
   * Reads on. The chunk is not kept.
   * @throws RecoveryError `RDB_FOREIGN`, or `RDB_MALFORMED` with the byte; the reader is of no use afterwards
   */
  write(chunk: Buffer): void;
  /**
   * All is written. Answers the same when called again.
   * @throws RecoveryError `RDB_MALFORMED` (also: cut short, 0 bytes), `RDB_CHECKSUM_MISMATCH`, `RDB_FOREIGN`
   */
  end(): RdbReading;
}

/**
 * Reads an RDB in one pass: checksum, keys per database, census. Constant memory (about 300 KiB, and 300 KiB for all readers), chunks may end anywhere.
 * A type, opcode or version that it doesn't know is no error: `facts.parsed` is then false, `facts.unparsed` says why and at
 * which byte, the counts are of what came before, and the checksum is checked all the same, against the last eight bytes.
 */
export const createRdbReader = (options: RdbReaderOptions): RdbReader => new StreamingReader(options);

/** Passes an RDB through unchanged while the reader reads it. Ends the reader after the last byte; `reader.end()` has the result. */
export async function* readRdbInPassing(rdb: AsyncIterable<Buffer>, reader: RdbReader): AsyncGenerator<Buffer> {
  for await (const chunk of rdb) {
    reader.write(chunk);
    yield chunk;
  }
  reader.end();
}

const EOF_OPCODE = 255;

class StreamingReader implements RdbReader {
  readonly #tally: Tally;
  readonly #kinds = new KeyKinds();
  readonly #walker: Walker;
  readonly #crc = new Crc64();
  /** The last bytes so far, which may be the trailer and so are not summed yet. */
  #tail: Buffer = Buffer.alloc(0);
  #lastSummed = -1;
  #bytes = 0;
  #unparsed: string | undefined;
  #reading: RdbReading | undefined;

  constructor({ classes, takenAtMs, expiryTimeline = false }: RdbReaderOptions) {
    const names = classes.map(({ name }) => name);
    this.#tally = new Tally(names, takenAtMs, expiryTimeline === true ? {} : expiryTimeline || undefined);
    this.#walker = new Walker(new KeyClasses(classes, this.#kinds), this.#tally);
  }

  write(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#bytes += chunk.length;
    this.#sumBehind(chunk);
    if (this.#unparsed !== undefined) return;
    try {
      this.#walker.feed(chunk);
    } catch (error) {
      if (!(error instanceof RdbError)) throw error;
      this.#giveUp(error);
    }
  }

  /** In a version that is known from descriptions only, what looks broken may be our misunderstanding: the checksum tells. */
  #giveUp({ kind, message }: RdbError): void {
    const { header } = this.#walker;
    if (kind === 'broken' && header && isProvenVersion(header)) throw malformedRdb(message);
    this.#unparsed =
      kind === 'broken' ? `${message}, or ${header?.magic} RDB version ${header?.version} is not understood` : message;
  }

  /** Sums all but the last eight bytes. */
  #sumBehind(chunk: Buffer): void {
    const both = chunk.length < TRAILER_BYTES ? Buffer.concat([this.#tail, chunk]) : chunk;
    if (both === chunk) this.#sum(this.#tail);
    const summed = Math.max(0, both.length - TRAILER_BYTES);
    this.#sum(both.subarray(0, summed));
    this.#tail = Buffer.from(both.subarray(summed)); // a copy: the chunk belongs to its giver
  }

  #sum(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#crc.update(bytes);
    this.#lastSummed = bytes.at(-1) ?? -1;
  }

  end(): RdbReading {
    this.#reading ??= this.#finish();
    return this.#reading;
  }

  #finish(): RdbReading {
    this.#checkEnd();
    const crc64 = this.#checkCrc();
    if (this.#unparsed === undefined) this.#compareSizes(crc64);
    return this.#read(crc64);
  }

  /** RESIZEDB is a hint, which Redis itself does not check: a right checksum outweighs it. Without one nobody knows which is wrong. */
  #compareSizes(crc64: RdbFacts['crc64']): void {
    const { header } = this.#walker;
    const disagreement = this.#tally.disagreement();
    if (disagreement === undefined) return;
    if (header === undefined || !isProvenVersion(header)) this.#giveUp(new RdbError('broken', disagreement));
    else if (crc64 === 'unchecked') this.#unparsed = `${disagreement}, and no checksum tells which of both is wrong`;
  }

  #checkEnd(): void {
    const { header } = this.#walker;
    if (this.#bytes === 0) throw malformedRdb('it has 0 bytes');
    if (header === undefined) throw this.#notEvenAHeader();
    if (this.#unparsed === undefined && this.#walker.isAtEnd(this.#bytes)) return;
    // The last record is the opcode EOF, so this much can be known of an RDB that is not understood.
    const mayBeWhole = this.#lastSummed === EOF_OPCODE && this.#bytes > HEADER_BYTES + TRAILER_BYTES;
    const { offset } = this.#walker;
    const where =
      offset > this.#bytes ? `before byte ${offset}, where its last piece would end` : `in a piece that begins at byte ${offset}`;
    const ends = `it ends at byte ${this.#bytes}, ${where}`;
    if (this.#unparsed === undefined && (isProvenVersion(header) || !mayBeWhole)) throw malformedRdb(ends);
    if (!mayBeWhole) throw malformedRdb(`it ends at byte ${this.#bytes} without an end mark (and ${this.#unparsed})`);
    if (this.#unparsed === undefined) this.#giveUp(new RdbError('broken', ends));
  }

  #notEvenAHeader(): Error {
    const first = this.#walker.unread;
    const begins = ['REDIS', 'VALKEY'].some((magic) =>
      magic.startsWith(Buffer.from(first.subarray(0, magic.length)).toString('latin1')),
    );
    return begins ? malformedRdb(`it ends at byte ${this.#bytes}, within its header`) : foreign(first);
  }

  #checkCrc(): RdbFacts['crc64'] {
    const { header } = this.#walker;
    if (header && trailerBytesOf(header) === 0) {
      if (this.#unparsed !== undefined) throw malformedRdb(this.#unparsed); // all that they had is known, and nothing else proves them
      return 'unchecked';
    }
    const stored = this.#tail.readBigUInt64LE();
    if (stored === 0n) return 'unchecked';
    if (stored !== this.#crc.value) throw checksumMismatch(stored, this.#crc.value, this.#bytes - TRAILER_BYTES);
    return 'valid';
  }

  #read(crc64: RdbFacts['crc64']): RdbReading {
    const tally = this.#tally;
    const { magic = 'REDIS', version = 0 } = this.#walker.header ?? {};
    const databases = tally.databases();
    const sum = (of: 'keys' | 'expires'): number => databases.reduce((total, database) => total + database[of], 0);
    const aux = Object.fromEntries(tally.aux);
    const facts: RdbFacts = {
      magic,
      version,
      bytes: this.#bytes,
      crc64,
      parsed: this.#unparsed === undefined,
      ...(this.#unparsed === undefined ? {} : { unparsed: this.#unparsed }),
      keys: sum('keys'),
      expires: sum('expires'),
      databases,
      functions: tally.functions,
      moduleTypes: tally.modules.list(),
      ...numberOf('usedMemoryBytes', aux['used-mem']),
      ...(aux['repl-id'] === undefined ? {} : { replid: aux['repl-id'] }),
      ...numberOf('replOffset', aux['repl-offset']),
    };
    const expiries = tally.expiries();
    const kinds = this.#kinds.list();
    const census = { ...tally.census(), ...(kinds.length > 0 ? { kinds } : {}) };
    return { facts, census, alive: tally.alive(), ...(expiries ? { expiries } : {}), aux };
  }
}

const numberOf = <K extends string>(name: K, text: string | undefined): Partial<Record<K, number>> =>
  text === undefined || !Number.isFinite(Number(text)) ? {} : ({ [name]: Number(text) } as Record<K, number>);
