import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { RecoveryError } from '../../model/errors.ts';

/** How a store is told what it is to receive. `md5`: Content-MD5, for stores that know no `x-amz-checksum-…`. */
export type ChecksumName = 'crc32' | 'sha256' | 'md5';

/** What a store says of the bytes that it has, in its answer to a write or to HEAD. */
export interface Said {
  ETag?: string;
  ChecksumCRC32?: string;
  ChecksumSHA256?: string;
}

type Field = 'ChecksumCRC32' | 'ChecksumSHA256';

/** Bytes that were sent, as a store can prove that it has them. */
export interface Checksums {
  sizeBytes: number;
  /** The checksum that was asked for. */
  checksum?: { field: Field; value: string };
  /** The ETag of a store that makes it from MD5; undefined: no ETag proves anything. Costs a pass over the bytes. */
  etag(): string | undefined;
}

const FIELDS: Record<ChecksumName, Field | undefined> = { crc32: 'ChecksumCRC32', sha256: 'ChecksumSHA256', md5: undefined };

/** What a multipart upload is begun with. */
export const ALGORITHMS = { crc32: 'CRC32', sha256: 'SHA256', md5: undefined } as const;

export function checksumsOf(bytes: Buffer, name: ChecksumName): Checksums {
  const field = FIELDS[name];
  return {
    sizeBytes: bytes.length,
    ...(field === undefined ? {} : { checksum: { field, value: digest(bytes, name).toString('base64') } }),
    etag: () => md5(bytes).toString('hex'),
  };
}

/** The fields of a request that carries these bytes. */
export const checksumFields = (bytes: Buffer, { checksum }: Checksums): Said & { ContentMD5?: string } =>
  checksum ? { [checksum.field]: checksum.value } : { ContentMD5: md5(bytes).toString('base64') };

/** A part that was sent. */
export interface SentPart extends Said {
  sizeBytes: number;
  checksum?: Checksums['checksum'];
  /** Its own answer has proven it. */
  isProven: boolean;
}

/** Of an object that was sent in parts: the checksum of their checksums, and the ETag that is the MD5 of their MD5s. */
export function joinedChecksums(parts: readonly SentPart[], name: ChecksumName): Checksums {
  const field = FIELDS[name];
  const values = parts.map(({ checksum }) => Buffer.from(checksum?.value ?? '', 'base64'));
  const value = `${digest(Buffer.concat(values), name).toString('base64')}-${parts.length}`;
  return {
    sizeBytes: parts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    ...(field === undefined ? {} : { checksum: { field, value } }),
    etag: () => {
      const etags = parts.map(({ ETag, isProven }) => (isProven ? bare(ETag) : ''));
      if (!etags.every((etag) => /^[0-9a-f]{32}$/.test(etag))) return undefined;
      return `${md5(Buffer.from(etags.join(''), 'hex')).toString('hex')}-${parts.length}`;
    },
  };
}

/**
 * Does the store prove that it has these bytes? By the checksum that was asked for, or by an ETag that is their MD5.
 * @throws RecoveryError `OBJECT_CORRUPT` if it has others
 */
export function isProvenStored(sent: Checksums, said: Said, where: string): boolean {
  const { checksum } = sent;
  const stored = checksum && said[checksum.field];
  // Of a whole object that came in parts, some servers tell the checksum of the bytes, and others that of the checksums.
  if (checksum && stored && stored.includes('-') === checksum.value.includes('-')) {
    if (stored === checksum.value) return true;
    throw new RecoveryError('OBJECT_CORRUPT', `${where}: the store has the checksum ${stored}, ${checksum.value} was sent`, {
      next: 'Repeat it; if it comes back, look for broken memory or a proxy that changes bytes.',
    });
  }
  return said.ETag !== undefined && bare(said.ETag) === sent.etag();
}

const bare = (etag = ''): string => etag.replace(/^W\//, '').replaceAll('"', '').toLowerCase();

const md5 = (bytes: Buffer): Buffer => createHash('md5').update(bytes).digest();

function digest(bytes: Buffer, name: ChecksumName): Buffer {
  if (name !== 'crc32') return createHash(name).update(bytes).digest();
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE(crc32(bytes));
  return crc;
}

/** @param why - what is not proven, such as "HEAD says 5 bytes, 7 were sent" */
export const unproven = (where: string, why: string): RecoveryError =>
  new RecoveryError('STORE_UNPROVEN', `${where}: the store took it and does not prove that it has it: ${why}`, {
    next: 'Nothing counts as stored. Look what answers at the endpoint; the store must give checksums, or ETags that are the MD5 of the bytes.',
  });

export const stillThere = (where: string): RecoveryError =>
  new RecoveryError('STORE_UNPROVEN', `${where}: the store says that it is deleted, and HEAD that it is there`, {
    next: 'Nothing counts as deleted. Look what answers at the endpoint.',
  });
