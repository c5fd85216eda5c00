import { z } from 'zod';
import type { AofManifest } from '../model/backup/aof-manifest.ts';
import { MANIFEST_FORMAT_VERSION } from '../model/backup/manifest.ts';
import { needs } from './archive/schema.ts';
import { type BackupRef, isValidBackupId } from './layout.ts';
import {
  census,
  count,
  parseAs,
  rdb,
  reason,
  server,
  software,
  storedObject,
  takenFrom,
  timesSchema,
  ttlBoundsSeconds,
} from './manifest.ts';
import { formatStored } from './manifest-digest.ts';

/** A path from a repository is never trusted: this one is made into a file on the machine of a Redis. */
const isPlainName = (name: string): boolean => name !== '' && name !== '.' && name !== '..' && !/[/\\\0]/.test(name);

const file = z.strictObject({
  name: z.string().max(255).refine(isPlainName, 'must be a plain file name'),
  type: z.enum(['base', 'incr']),
  seq: count.positive(),
  bytes: count,
  startOffset: z.int().optional(),
  stored: storedObject,
});

const schema = z
  .strictObject({
    formatVersion: z.literal(MANIFEST_FORMAT_VERSION),
    kind: z.literal('aof'),
    backupId: z.string().refine(isValidBackupId, 'must be a UTC time as YYYYMMDDTHHMMSSZ'),
    instance: z.string(),
    shard: z.string(),
    reason,
    software,
    server,
    takenFrom,
    replication: z.strictObject({ replid: z.string(), offset: z.int() }),
    times: timesSchema,
    form: z.enum(['multi-part', 'single-file']),
    redisManifest: z.string().optional(),
    base: z.strictObject({ rdb, census, ttlBoundsSeconds }).optional(),
    needs: needs.optional(),
    files: z.array(file).min(1),
  })
  .refine(({ form, redisManifest }) => (form === 'multi-part') === (redisManifest !== undefined), {
    path: ['redisManifest'],
    message: 'must be there for a multi-part log, and for no other',
  })
  .refine(({ form, files }) => form === 'multi-part' || files.length === 1, { path: ['files'], message: 'must be one file' })
  .refine(({ files }) => isUnique(files.map(({ name }) => name)), { path: ['files'], message: 'must have different names' })
  .refine(({ files }) => isUnique(files.map(({ stored }) => stored.file)), {
    path: ['files'],
    message: 'must be stored as different objects',
  })
  .refine(({ files }) => files.every(({ type }, index) => type === 'incr' || index === 0), {
    path: ['files'],
    message: 'must have at most one base, and that first',
  }) satisfies z.ZodType<AofManifest>;

const isUnique = (names: string[]): boolean => new Set(names).size === names.length;

/** As it is stored: indented, because people read it. */
export const formatAofBackupManifest = (manifest: AofManifest): string => formatStored(manifest);

/**
 * Reads a manifest that lay in the folder of `ref`. Trusts nothing in it.
 * @param where - for messages: the URL of the object
 * @throws RecoveryError `MANIFEST_VERSION_UNKNOWN` or `BACKUP_ENCRYPTED` before anything else is looked at, or `MANIFEST_INVALID`
 */
export const parseAofBackupManifest = (text: string, ref: BackupRef, where: string): AofManifest =>
  parseAs(schema, text, ref, where);

/** Refuses to store what could not be read again. @throws RecoveryError `MANIFEST_INVALID` */
export const checkAofBackupManifest = (manifest: AofManifest): AofManifest =>
  parseAofBackupManifest(formatAofBackupManifest(manifest), manifest, 'the manifest to be stored');
