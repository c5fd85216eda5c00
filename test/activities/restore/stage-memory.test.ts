import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Repository } from '../../../repository/repository.ts';
import { AS_SHIPPED } from '../../support/as-shipped.ts';
import { openStore } from '../../support/open-store.ts';
import { type S3Server, startS3 } from '../../support/s3-server.ts';
import type { StageJob } from './stage-in-child.ts';

const CHILD = fileURLToPath(new URL('stage-in-child.ts', import.meta.url));
const MB = 1_000_000;

/** Compresses to about a half. */
async function* body(bytes: number): AsyncGenerator<Buffer> {
  for (let left = bytes; left > 0; left -= MB) yield Buffer.from(randomBytes(MB / 2).toString('hex'));
}

describe('bringing a backup to its place', () => {
  let s3: S3Server;
  before(async () => {
    s3 = await startS3();
  });
  after(() => s3.stop());

  /** Peak of a process that does nothing else. */
  async function peakMb(bytes: number): Promise<number> {
    const location = s3.location(`of-${bytes}`);
    const ref = { instance: 'main', shard: '0', backupId: '20260101T000000Z' };
    const stored = await new Repository(openStore(location)).snapshots(ref).write(ref, body(bytes));
    const job: StageJob = { location, ref, stored, bytes };
    const { stdout } = await promisify(execFile)(process.execPath, [...AS_SHIPPED.flags, CHILD, JSON.stringify(job)], {
      env: { ...process.env, ...AS_SHIPPED.env },
    });
    const staged = JSON.parse(stdout) as { bytes: number; peakMb: number };
    assert.equal(staged.bytes, bytes);
    return staged.peakMb;
  }

  it('takes the same memory for 50 MB and for 300 MB of data', async () => {
    const small = await peakMb(50 * MB);
    const large = await peakMb(300 * MB);
    assert.ok(large < small + 40, `${large} MB for the large one, ${small} MB for the small one`);
  }).timeout(60_000);
});
