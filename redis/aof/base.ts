import { stat } from 'node:fs/promises';
import type { LogDamage } from '../../model/recovery/log-damage.ts';
import { Crc64 } from '../rdb/crc64.ts';
import { findRdbEnd } from '../rdb/find-end.ts';
import { rdbVersionOf } from '../rdb/format.ts';
import { isBaseRdb, type LogPlace, logFiles } from './damage.ts';
import { firstBytes, type ReadPartOptions, readFilePart } from './part.ts';

const TRAILER_BYTES = 8;
/** Older RDBs have no checksum. */
const FIRST_WITH_CHECKSUM = 5;
const HEADER_BYTES = 9;

/**
 * Whether an RDB matches the checksum at its end, as a starting Redis finds. Only its bytes are summed: what a type that is not
 * known here means is nothing to judge by. Constant memory.
 * @returns `undefined` where it has no checksum
 */
export async function matchesItsChecksum(
  path: string,
  bytes: number,
  options: ReadPartOptions = {},
): Promise<boolean | undefined> {
  if (bytes === 0) return undefined;
  const version = rdbVersionOf(await firstBytes(path, HEADER_BYTES));
  if (!version) return false;
  if (version.magic === 'REDIS' && version.version < FIRST_WITH_CHECKSUM) return undefined;
  if (bytes < HEADER_BYTES + TRAILER_BYTES) return false;
  const crc = new Crc64();
  for await (const chunk of readFilePart(path, 0, bytes - TRAILER_BYTES, options)) crc.update(chunk);
  const trailer: Buffer[] = [];
  for await (const chunk of readFilePart(path, bytes - TRAILER_BYTES, bytes, options)) trailer.push(chunk);
  const stored = Buffer.concat(trailer).readBigUInt64LE();
  return stored === 0n ? undefined : stored === crc.value; // 0: saved with `rdbchecksum no`
}

/** The RDB that a log begins with, where it does not match its checksum: nothing behind it can be had without it. */
export async function findBaseDamage(place: LogPlace, options: ReadPartOptions = {}): Promise<LogDamage | undefined> {
  const files = await logFiles(place);
  const [base] = files;
  if (!base || base.bytes === 0) return undefined;
  const { name, path } = base;
  const end = isBaseRdb(name) ? base.bytes : await preambleEnd(path, base.bytes, options);
  if (end === undefined || (await matchesItsChecksum(path, end, options)) !== false) return undefined;
  const badBytes = files.reduce((sum, { bytes }) => sum + bytes, 0);
  return {
    ...{ name, kind: 'checksum', where: 'middle', wholeBytes: 0, badBytes, usableBytes: 0 },
    ...{ changedAt: (await stat(path)).mtime.toISOString(), unmendable: 'all commands of the log build on it' },
  };
}

/** Of a file with an RDB in front of its commands, as Redis 6 writes; `undefined` where it has none, or none with an end. */
async function preambleEnd(path: string, bytes: number, options: ReadPartOptions): Promise<number | undefined> {
  const isRdb = rdbVersionOf(await firstBytes(path, HEADER_BYTES)) !== undefined;
  return isRdb ? findRdbEnd(readFilePart(path, 0, bytes, options)) : undefined;
}
