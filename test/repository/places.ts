import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { backupIdAt } from '../../model/instance.ts';
import type { BackupRef } from '../../repository/layout.ts';
import type { StoreLocation } from '../support/open-store.ts';
import { type S3Server, startS3 } from '../support/s3-server.ts';

export interface Place {
  location: StoreLocation;
  /** Where the bytes of an object lie. */
  path: (key: string) => string;
}

/** Whatever a repository promises holds in a directory and in S3. */
export function inEachPlace(what: string, itHolds: (place: () => Place) => void): void {
  describe(`${what} in a directory`, () => {
    let directory: string;
    before(async () => {
      directory = await mkdtemp(join(tmpdir(), 'redis-backup-repository-'));
    });
    after(() => rm(directory, { recursive: true, force: true }));
    itHolds(() => ({ location: { kind: 'file', directory }, path: (key) => join(directory, key) }));
  });

  describe(`${what} in S3`, () => {
    let s3: S3Server;
    before(async () => {
      s3 = await startS3();
    });
    after(() => s3.stop());
    itHolds(() => ({ location: s3.location('team/redis'), path: (key) => join(s3.dir, 'data/backups/team/redis', key) }));
  });
}

export const refAt = (hour: number, instance = 'main'): BackupRef => ({
  instance,
  shard: '0',
  backupId: backupIdAt(Date.UTC(2026, 1, 14, hour)),
});
