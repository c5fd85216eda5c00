import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileStore } from '../../repository/stores/file.ts';
import { S3Store } from '../../repository/stores/s3.ts';
import { type S3Server, startS3 } from '../support/s3-server.ts';
import { itBehavesLikeAnObjectStore } from './object-store-conformance.ts';

describe('FileStore', () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'redis-backup-store-'));
  });
  after(() => rm(directory, { recursive: true, force: true }));
  itBehavesLikeAnObjectStore(async () => new FileStore(directory));
});

describe('S3Store', () => {
  let s3: S3Server;
  before(async () => {
    s3 = await startS3();
  });
  after(() => s3.stop());
  itBehavesLikeAnObjectStore(async () => new S3Store(s3.location('some/prefix')));
});
