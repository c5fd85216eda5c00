import { RecoveryError } from '../../model/errors.ts';

/**
 * The structure could not be followed further. `unknown`: something that this software has no description of, so nothing is
 * wrong with the backup. `broken`: something known is not as it must be.
 */
export class RdbError extends Error {
  override readonly name = 'RdbError';
  readonly kind: 'unknown' | 'broken';

  constructor(kind: 'unknown' | 'broken', message: string) {
    super(message);
    this.kind = kind;
  }
}

export const malformedRdb = (message: string): RecoveryError =>
  new RecoveryError('RDB_MALFORMED', `the RDB is damaged or cut short: ${message}`, {
    next: 'Take the backup again; if it fails at the same place, run redis-check-rdb on the server and check its disk.',
  });

export const checksumMismatch = (stored: bigint, computed: bigint, offset: number): RecoveryError => {
  const hex = (crc: bigint) => crc.toString(16).padStart(16, '0');
  return new RecoveryError(
    'RDB_CHECKSUM_MISMATCH',
    `the RDB says at byte ${offset} that its CRC64 is ${hex(stored)}, but its bytes have ${hex(computed)}`,
    { next: 'Take the backup again; if it fails twice, check the link, the memory and the disk of the server.' },
  );
};

export const foreign = (first: Uint8Array): RecoveryError => {
  const seen = Buffer.from(first.subarray(0, 9))
    .toString('latin1')
    .replace(/[^ -~]/g, '.');
  return new RecoveryError('RDB_FOREIGN', `this is not an RDB: at byte 0 it has "${seen}", not REDIS or VALKEY and a version`, {
    next: 'Check that the address or the path is the one of a Redis, and of its dump file.',
  });
};
