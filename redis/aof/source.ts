import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { messageOf, RecoveryError } from '../../model/errors.ts';
import { crc64 } from '../rdb/crc64.ts';
import { type CheckedAof, checkAof } from './check.ts';
import { damageOf, findDamage } from './damage.ts';
import {
  type AofPart,
  beginsWithRdb,
  firstBytes,
  logMalformed,
  type ReadPartOptions,
  readAofPart,
  readFilePart,
} from './part.ts';
import { shortenLog } from './trial.ts';

/** Data that a person has in hand, in the one shape that a restore needs: an RDB, and the commands since. */
export interface AofSource {
  form: 'multi-part' | 'single-file' | 'rdb';
  /** What it begins with. `resp`: commands that make it from nothing. Absent: an empty data set. */
  base?: { path: string; kind: 'rdb' | 'resp'; bytes: number };
  /** Commands since the base, in order. `start` is not 0 where an RDB stands in front of them in the same file. */
  incrs: { path: string; start: number; bytes: number }[];
  /** All of what is used. */
  totalBytes: number;
  /** What a crash had left behind the last whole command, and nobody could use. */
  cutBytes: number;
}

const MANIFEST = '.manifest';

export interface SourceOptions extends ReadPartOptions {
  /** Of a damaged log: what stands in front of the damage. Default: refused. */
  upToDamage?: boolean;
}

/**
 * Finds out what lies at a path and reads all of it once: a multi-part append-only directory, itself or the one it lies in; the
 * single append-only file of Redis 6 and older; an RDB. A log may end within a command, as a crash leaves it.
 * @throws RecoveryError `INPUT_INVALID` for anything else, by name; `MANIFEST_INVALID`, `LOG_MALFORMED`, `RDB_MALFORMED`,
 *   `RDB_CHECKSUM_MISMATCH` for a damaged one, with file and byte
 */
export async function readAofSource(path: string, options: SourceOptions = {}): Promise<AofSource> {
  const stats = await stat(path).catch((error) => {
    throw unusable(`${path} cannot be read: ${messageOf(error)}`, error);
  });
  if (!stats.isDirectory()) return path.endsWith(MANIFEST) ? readDirectory(dirname(path), options) : readFileAt(path, options);
  const found = await lookInto(path);
  return found.directory === undefined ? readFileAt(found.file, options) : readDirectory(found.directory, options);
}

/** In the order in which Redis would have it: the directory of the log hides an older single file, and both hide dump.rdb. */
async function lookInto(
  path: string,
): Promise<{ directory: string; file?: undefined } | { directory?: undefined; file: string }> {
  const entries = await readdir(path, { withFileTypes: true });
  if (entries.some(({ name }) => name.endsWith(MANIFEST))) return { directory: path };
  const directories: string[] = [];
  for (const entry of entries) {
    if (!entry.isDirectory()) continue;
    const names = await readdir(join(path, entry.name)).catch(() => [] as string[]); // not ours to see: not the one meant
    if (names.some((name) => name.endsWith(MANIFEST))) directories.push(join(path, entry.name));
  }
  const [directory, other] = directories;
  if (other !== undefined) throw unusable(`${path} has several append-only directories: ${directories.join(', ')}`);
  if (directory !== undefined) return { directory };
  const file = ['appendonly.aof', 'dump.rdb'].find((wanted) => entries.some(({ name }) => name === wanted));
  if (file !== undefined) return { file: join(path, file) };
  throw unusable(
    `${path} is no data of Redis: it has neither the manifest of an append-only directory, nor appendonly.aof or dump.rdb`,
  );
}

async function readDirectory(directory: string, options: SourceOptions): Promise<AofSource> {
  const manifests = (await readdir(directory)).filter((name) => name.endsWith(MANIFEST));
  const [manifest = '', other] = manifests;
  if (other !== undefined) throw unusable(`${directory} has several manifests: ${manifests.join(', ')}`);
  const text = await readFile(join(directory, manifest), 'utf8');
  if (!options.upToDamage)
    return sourceOf('multi-part', (await checkAof(directory, text, { ...options, mayEndCut: true })).parts);
  const place = {
    dir: dirname(directory),
    appenddirname: basename(directory),
    appendfilename: manifest.slice(0, -MANIFEST.length),
  };
  const damage = await findDamage(place, options);
  if (!damage) return readDirectory(directory, { ...options, upToDamage: false });
  const shortened = (await shortenLog(place, damage.name)).manifest ?? text;
  const endsAt = { name: damage.name, bytes: damage.wholeBytes };
  const source = sourceOf('multi-part', (await checkAof(directory, shortened, { ...options, endsAt })).parts);
  return { ...source, cutBytes: damage.badBytes };
}

async function readFileAt(path: string, options: SourceOptions): Promise<AofSource> {
  const isRdb = await beginsWithRdb(path);
  if (!isRdb) await refuseForeign(path);
  const bytes = (await stat(path)).size;
  const damage = options.upToDamage ? await damageOf(path, bytes, options) : undefined;
  const part = await readAofPart(path, damage?.wholeBytes ?? bytes, options);
  if (part.boundary === 0) throw logMalformed(path, 'it has no whole command');
  const isLog = !isRdb || part.rdbBytes < part.bytes;
  const source = sourceOf(isLog ? 'single-file' : 'rdb', [{ ...part, type: 'base' }]);
  return damage ? { ...source, cutBytes: bytes - damage.wholeBytes } : source;
}

function sourceOf(form: AofSource['form'], parts: readonly (AofPart & Pick<CheckedAof['parts'][number], 'type'>)[]): AofSource {
  const incrs: AofSource['incrs'] = [];
  let base: AofSource['base'];
  let cutBytes = 0;
  for (const { path, type, rdbBytes, boundary, bytes } of parts) {
    if (type === 'incr' && rdbBytes > 0) throw logMalformed(path, 'an increment of a log begins with an RDB');
    if (type === 'base') base = rdbBytes > 0 ? { path, kind: 'rdb', bytes: rdbBytes } : { path, kind: 'resp', bytes: boundary };
    if (type === 'incr' || (rdbBytes > 0 && boundary > rdbBytes))
      incrs.push({ path, start: rdbBytes, bytes: boundary - rdbBytes });
    cutBytes += bytes - boundary;
  }
  const totalBytes = incrs.reduce((sum, { bytes }) => sum + bytes, base?.bytes ?? 0);
  return { form, ...(base && { base }), incrs, totalBytes, cutBytes };
}

/** The RDB to begin with: the one of the source, or an empty one where it has none. */
export async function* openBase({ base }: AofSource, options?: ReadPartOptions): AsyncGenerator<Buffer> {
  if (base?.kind === 'rdb') yield* readFilePart(base.path, 0, base.bytes, options);
  else yield emptyRdb();
}

/** All commands of the source in order, whole ones only. `#TS:` lines of `aof-timestamp-enabled` stay in. */
export async function* openAsLog({ base, incrs }: AofSource, options?: ReadPartOptions): AsyncGenerator<Buffer> {
  if (base?.kind === 'resp') yield* readFilePart(base.path, 0, base.bytes, options);
  for (const { path, start, bytes } of incrs) yield* readFilePart(path, start, start + bytes, options);
}

/** RDB version 9: Redis 5 and later, and Valkey, load it. */
export function emptyRdb(): Buffer {
  const body = Buffer.concat([Buffer.from('REDIS0009'), Buffer.of(0xff)]);
  const trailer = Buffer.alloc(8);
  trailer.writeBigUInt64LE(crc64(body));
  return Buffer.concat([body, trailer]);
}

const OTHERS: [begins: string, what: string][] = [
  ['(\u00b5/\u00fd', 'compressed with zstd: unpack it with zstd -d first'],
  ['\u001f\u008b', 'compressed with gzip: unpack it first'],
  ['age-encryption.org', 'encrypted with age: decrypt it first'],
  ['file ', 'a manifest of an append-only directory under another name: give the directory'],
  ['{', 'a text in JSON, such as a manifest of redis-backup'],
];

async function refuseForeign(path: string): Promise<void> {
  const first = await firstBytes(path, 64);
  const text = first.toString('latin1');
  if (/^(\*\d|#TS:)/.test(text)) return;
  if (text === '') throw unusable(`${path} is empty`);
  const known = OTHERS.find(([begins]) => text.startsWith(begins))?.[1];
  const seen = JSON.stringify(text.slice(0, 9).replace(/[^ -~]/g, '.'));
  throw unusable(`${path} is ${known ?? `neither an RDB nor an append-only file: it begins with ${seen}`}`);
}

const unusable = (message: string, cause?: unknown): RecoveryError =>
  new RecoveryError('INPUT_INVALID', message, {
    next: 'Give an append-only directory, an append-only file or an RDB.',
    cause,
  });
