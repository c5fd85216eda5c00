import { z } from 'zod';
import { MANIFEST_FORMAT_VERSION, type SnapshotManifest } from '../model/backup/manifest.ts';
import { RecoveryError } from '../model/errors.ts';
import { type BackupRef, isFileName, isValidBackupId } from './layout.ts';
import { digestProblem, formatStored, withoutDigest } from './manifest-digest.ts';
import { requireReadable } from './readable.ts';

/** A manifest of two million classes is no manifest: larger ones are not read into memory. */
export const LARGEST_MANIFEST_BYTES = 16 * 1024 * 1024;

export const count = z.int().nonnegative();
export const time = z.iso.datetime();

export const timesSchema = z.strictObject({
  takenAt: time,
  clockOffsetMs: z.number(),
  storeOffsetMs: z.int().optional(),
  finishedAt: time,
});

const policy = z.strictObject({
  save: z.string(),
  appendonly: z.string(),
  appendfsync: z.string(),
  dir: z.string(),
  dbfilename: z.string(),
  appenddirname: z.string(),
  appendfilename: z.string(),
  rdbcompression: z.string(),
  rdbchecksum: z.string(),
});

export const server = z.strictObject({
  product: z.enum(['redis', 'valkey']),
  version: z.string(),
  runId: z.string(),
  role: z.enum(['master', 'slave']),
  usedMemoryBytes: count,
  maxmemoryBytes: count,
  maxmemoryPolicy: z.string(),
  databases: count,
  modules: z.array(z.strictObject({ name: z.string(), version: z.number() })),
  replicas: z.array(z.string()),
  policy,
  unasked: z.strictObject({ commands: z.array(z.string()), from: z.literal('redis.conf').optional() }).optional(),
});

export const takenFrom = z
  .strictObject({ deployment: z.string().optional(), address: z.string(), host: z.string().optional() })
  .optional();

export const reason = z.enum(['scheduled', 'manual', 'safety', 'archive', 'imported', 'recovery']);
export const software = z.strictObject({ name: z.literal('redis-backup'), version: z.string() });
export const storedObject = z.strictObject({
  file: z.string().refine(isFileName, 'must be the name of a file beside the manifest'),
  bytes: count.positive(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits'),
  compression: z.literal('zstd'),
});

export const rdb = z.strictObject({
  magic: z.enum(['REDIS', 'VALKEY']),
  version: count,
  bytes: count,
  crc64: z.enum(['valid', 'unchecked']),
  parsed: z.boolean(),
  unparsed: z.string().optional(),
  keys: count,
  expires: count,
  databases: z.array(z.strictObject({ db: count, keys: count, expires: count })),
  functions: count,
  moduleTypes: z.array(z.string()),
  usedMemoryBytes: count.optional(),
  replid: z.string().optional(),
  replOffset: z.int().optional(),
});

export const census = z.strictObject({
  takenAtMs: count,
  keys: count,
  classes: z.array(z.strictObject({ name: z.string(), keys: count, persistent: count, expired: count, ttl: z.array(count) })),
  kinds: z.array(z.strictObject({ name: z.string(), keys: count })).optional(),
});

export const ttlBoundsSeconds = z.array(z.number().positive());

const schema = z
  .strictObject({
    formatVersion: z.literal(MANIFEST_FORMAT_VERSION),
    kind: z.literal('snapshot'),
    backupId: z.string().refine(isValidBackupId, 'must be a UTC time as YYYYMMDDTHHMMSSZ'),
    instance: z.string(),
    shard: z.string(),
    reason,
    method: z.enum(['replication', 'bgsave', 'import']),
    software,
    server,
    takenFrom,
    takenAs: z.string().optional(),
    replication: z.strictObject({ replid: z.string(), offset: z.int() }),
    times: timesSchema,
    stored: storedObject,
    rdb,
    census,
    ttlBoundsSeconds,
  })
  .refine(({ census, ttlBoundsSeconds }) => census.classes.every(({ ttl }) => ttl.length === ttlBoundsSeconds.length + 1), {
    path: ['census', 'classes'],
    message: 'must have one more count than ttlBoundsSeconds has bounds',
  }) satisfies z.ZodType<SnapshotManifest>;

/** The manifest as it is stored: indented, because people read it. */
export const formatManifest = (manifest: SnapshotManifest): string => formatStored(manifest);

/**
 * Reads a manifest that lay in the folder of `ref`. Trusts nothing in it.
 * @param where - for messages: the URL of the object
 * @throws RecoveryError `MANIFEST_VERSION_UNKNOWN` or `BACKUP_ENCRYPTED` before anything else is looked at, or `MANIFEST_INVALID`
 */
export function parseManifest(text: string, ref: BackupRef, where: string): SnapshotManifest {
  const manifest = parseAs(schema, text, ref, where);
  const contradiction = manifest.method === 'import' ? undefined : contradictionIn(manifest);
  if (contradiction !== undefined) throw invalid(`${where}: ${contradiction}`);
  return manifest;
}

/** The RDB says itself where in the log it stands: with another place, a part of the log would be left out or done twice. */
function contradictionIn({ replication, rdb }: SnapshotManifest): string | undefined {
  const { replid = replication.replid, replOffset = replication.offset } = rdb;
  if (replid !== replication.replid) return `replication.replid is ${replication.replid}, and the RDB is of ${replid}`;
  if (replOffset !== replication.offset)
    return `replication.offset is ${replication.offset}, and the RDB stands at ${replOffset}`;
  return undefined;
}

/** The same for any kind of backup. */
export function parseAs<T extends BackupRef>(schema: z.ZodType<T>, text: string, ref: BackupRef, where: string): T {
  const json = parseJson(text, where);
  requireReadable(json, MANIFEST_FORMAT_VERSION, where);
  const parsed = schema.safeParse(withoutDigest(json));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw invalid(`${where}: ${issue?.path.join('.') || 'the manifest'}: ${issue?.message}`);
  }
  for (const part of ['instance', 'shard', 'backupId'] as const) {
    if (parsed.data[part] !== ref[part])
      throw invalid(`${where}: ${part} is "${parsed.data[part]}", but it lies under "${ref[part]}"`);
  }
  const problem = digestProblem(text);
  if (problem !== undefined) throw invalid(`${where} ${problem}`);
  return parsed.data;
}

/** Refuses to store what could not be read again. @throws RecoveryError `MANIFEST_INVALID` */
export const checkManifest = (manifest: SnapshotManifest): SnapshotManifest =>
  parseManifest(formatManifest(manifest), manifest, 'the manifest to be stored');

function parseJson(text: string, where: string): unknown {
  if (text.trim() === '') throw invalid(`${where} is empty`);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw invalid(`${where} is not JSON: ${(error as SyntaxError).message}`);
  }
}

const invalid = (message: string): RecoveryError =>
  new RecoveryError('MANIFEST_INVALID', message, {
    next: 'Restore another backup; find out who wrote into this folder of the repository.',
  });
