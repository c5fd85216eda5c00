import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CreateMultipartUploadCommand, S3Client } from '@aws-sdk/client-s3';
import { Repository } from '../../repository/repository.ts';
import { S3Store } from '../../repository/stores/s3.ts';
import type { S3Tuning } from '../../repository/stores/s3-calls.ts';
import { sampleManifest } from '../fixtures/manifest.ts';
import { type FaultProxy, type SeenRequest, startHttpFaultProxy } from '../support/fault-proxy.ts';
import { openStore } from '../support/open-store.ts';
import { type S3Server, startS3 } from '../support/s3-server.ts';
import { until } from '../support/until.ts';
import { bytes, collect, keysOf, refuses, text } from './bodies.ts';

const MiB = 1024 * 1024;
const data = randomBytes(17 * MiB + 77);
/** Impatient, so that what must give up does so within a test. */
const TUNING: Partial<S3Tuning> = { partBytes: 5 * MiB, pieceBytes: 2 * MiB, idleMs: 1_500, connectMs: 500, retryForMs: 6_000 };

const isPart = ({ method, url }: SeenRequest) => method === 'PUT' && url.includes('partNumber=');
const isComplete = ({ method, url }: SeenRequest) => method === 'POST' && url.includes('uploadId=');
const isPut = ({ method, url }: SeenRequest) => method === 'PUT' && !url.includes('partNumber=');
const isGet = ({ method, url }: SeenRequest) => method === 'GET' && !url.includes('list-type');

describe('S3Store when the network or the server fails', () => {
  let s3: S3Server;
  let proxy: FaultProxy;
  let store: S3Store;
  let prefix = 0;
  before(async () => {
    s3 = await startS3();
  });
  after(() => s3.stop());
  beforeEach(async () => {
    proxy = await startHttpFaultProxy(s3.port);
    store = new S3Store({ ...s3.location(`faults-${++prefix}`), endpoint: proxy.endpoint }, TUNING);
  });
  afterEach(async () => {
    store.close();
    await proxy.stop();
  });
  const put = () => store.put('main/dump', bytes(data.subarray(0, 7 * MiB), data.subarray(7 * MiB)), { ifAbsent: true });
  const isWhole = async () => assert.ok(data.equals(await collect(await store.get('main/dump'))), 'the same bytes');
  const leavesNothing = async () => {
    assert.deepEqual(await keysOf(store, ''), []);
    assert.deepEqual(await store.sweepUnfinished('', Date.now() + 60_000, { dryRun: true }), []);
  };

  describe('during an upload', () => {
    for (const [status, code] of [
      [500, 'InternalError'],
      [503, 'SlowDown'],
      [502, 'BadGateway'],
      [429, 'TooManyRequests'],
    ] as const) {
      it(`goes on after answers of ${status} ${code}`, async () => {
        proxy.answer(status, code, { if: isPart, times: 2 });
        proxy.answer(status, code, { if: isComplete });
        await put();
        await isWhole();
      });
    }

    it('goes on after cut connections', async () => {
      proxy.cutAfter(MiB, 'request', { if: isPart, times: 3 });
      await put();
      await isWhole();
    });

    it('goes on after a connection that stopped to carry anything', async () => {
      proxy.stallAfter(MiB, 'request', { if: isPart });
      await put();
      await isWhole();
    });

    it('sends a part again that arrived with a flipped bit', async () => {
      proxy.flipAt(MiB, 'request', { if: isPart, times: 2 });
      await put();
      await isWhole();
    });

    it('says OBJECT_CORRUPT when bits flip for ever, and leaves nothing', async () => {
      proxy.flipAt(MiB, 'request', { if: isPart, times: 1000 });
      await refuses(put(), 'OBJECT_CORRUPT');
      await leavesNothing();
    });

    it('takes its time over a slow link', async () => {
      const slow = new S3Store({ ...s3.location(`faults-${prefix}`), endpoint: proxy.endpoint }, { ...TUNING, idleMs: 5_000 });
      proxy.limit(4 * MiB);
      await slow.put('main/dump', bytes(data));
      slow.close();
      proxy.limit(undefined);
      await isWhole();
      assert.equal(proxy.requests.filter(isPart).length, 4, 'no part was sent twice');
    }).timeout(30_000);

    it('knows its own object when the answer was lost', async () => {
      proxy.loseAnswer({ if: isComplete });
      await put();
      proxy.loseAnswer({ if: isPut });
      await store.put('main/manifest', bytes('mine'), { ifAbsent: true });
      await isWhole();
      assert.equal(await text(await store.get('main/manifest')), 'mine');
    });

    it('does not take the object of another for its own', async () => {
      await store.put('main/manifest', bytes('theirs'), { ifAbsent: true });
      proxy.loseAnswer({ if: isPut });
      await refuses(store.put('main/manifest', bytes('mine'), { ifAbsent: true }), 'OBJECT_EXISTS');
      assert.equal(await text(await store.get('main/manifest')), 'theirs');
    });

    it('goes on when the server was away for some seconds', async () => {
      proxy.limit(8 * MiB);
      const writing = put();
      await untilRequested(proxy, isPart);
      await proxy.goAway();
      const back = new Promise((resolve) => setTimeout(resolve, 2_500)).then(() => proxy.comeBack());
      await Promise.all([writing, back]);
      proxy.limit(undefined);
      await isWhole();
    }).timeout(30_000);

    it('says STORE_UNREACHABLE when the server stays away, and leaves nothing that sweep does not find', async () => {
      proxy.limit(4 * MiB);
      const writing = refuses(put(), 'STORE_UNREACHABLE');
      await untilRequested(proxy, isPart);
      await proxy.goAway();
      const error = await writing;
      assert.match(error.message, /faults-\d+\/main\/dump/);
      await proxy.comeBack();
      proxy.limit(undefined);
      assert.deepEqual(await keysOf(store, ''), []);
      assert.deepEqual(await store.sweepUnfinished('main/', Date.now() - 3600_000), [], 'too young');
      assert.equal((await store.sweepUnfinished('main/', Date.now() + 60_000)).length, 1);
      await leavesNothing();
    }).timeout(40_000);

    it('stops at once when it is cancelled while the server is away', async () => {
      const stop = new AbortController();
      await proxy.goAway();
      const writing = store.put('main/dump', bytes(data), { signal: stop.signal });
      setTimeout(() => stop.abort(new Error('a person gave up')), 300);
      await assert.rejects(writing, /a person gave up/);
    });
  });

  describe('during a download', () => {
    it('goes on by range where the connection was cut', async () => {
      await put();
      proxy.cutAfter(1_000_000, 'response', { if: isGet, times: 4 });
      await isWhole();
      const ranges = proxy.requests.filter(isGet).map(({ headers }) => headers.range);
      assert.ok(
        ranges.some((range) => range !== undefined && !/^bytes=\d*000000?-/.test(range)),
        'no byte is read twice',
      );
    });

    it('goes on after a connection that stopped to carry anything, and after 500 and 503', async () => {
      await put();
      proxy.stallAfter(100_000, 'response', { if: isGet });
      proxy.answer(500, 'InternalError', { if: ({ headers }) => headers.range !== undefined, times: 3 });
      proxy.answer(503, 'SlowDown', { if: ({ headers }) => headers.range !== undefined, times: 3 });
      await isWhole();
    });

    it('gives up when nothing comes for as long as its patience, and says so', async () => {
      await put();
      const reading = await store.get('main/dump');
      await proxy.goAway();
      await refuses(collect(reading), 'STORE_UNREACHABLE');
    }).timeout(20_000);

    it('refuses to go on in another object', async () => {
      await put();
      proxy.limit(4 * MiB);
      const reading = await store.get('main/dump');
      const direct = openStore(s3.location(`faults-${prefix}`));
      await direct.put('main/dump', bytes(randomBytes(data.length)));
      direct.close();
      proxy.limit(undefined);
      await refuses(collect(reading), 'OBJECT_CORRUPT', /replaced/);
    });

    it('refuses a small object with a flipped bit, on the way or on the disk of the store', async () => {
      await store.put('main/manifest', bytes('{"keys": 12345}'));
      proxy.flipAt(10, 'response', { if: isGet });
      await refuses(async () => collect(await store.get('main/manifest')), 'OBJECT_CORRUPT');
      const path = join(s3.dir, 'data', 'backups', `faults-${prefix}`, 'main', 'manifest');
      await writeFile(path, (await readFile(path, 'utf8')).replace('12345', '12344'));
      await refuses(async () => collect(await store.get('main/manifest')), 'OBJECT_CORRUPT');
    });
  });

  describe('whatever it is asked', () => {
    const everything = async (broken: S3Store, code: Parameters<typeof refuses>[1], message: RegExp) => {
      const asked = [
        () => broken.probe(),
        () => broken.put('a', bytes('x')),
        () => broken.put('b', bytes(data)),
        () => broken.get('a'),
      ];
      for (const ask of [...asked, () => broken.head('a'), () => broken.listNames(''), () => keysOf(broken, '')]) {
        const error = await refuses(ask, code, message);
        const said = JSON.stringify([error.message, error.next, String(error.stack), error.cause]);
        assert.doesNotMatch(said, /wrong-secret|wrong-key|testing-secret/);
      }
      broken.close();
    };

    it('says STORE_MISSING for a bucket that is not there', () =>
      everything(new S3Store({ ...s3.location('x'), bucket: 'not-there' }, TUNING), 'STORE_MISSING', /s3:\/\/not-there\/x/));

    it('says STORE_DENIED for a wrong key, without repeating it', () =>
      everything(
        new S3Store({ ...s3.location('x'), credentials: { accessKeyId: 'wrong-key', secretAccessKey: 'wrong-secret' } }, TUNING),
        'STORE_DENIED',
        /403/,
      ));

    it('says STORE_DENIED for a wrong secret, without repeating it', () =>
      everything(
        new S3Store({ ...s3.location('x'), credentials: { ...s3.credentials, secretAccessKey: 'wrong-secret' } }, TUNING),
        'STORE_DENIED',
        /403/,
      ));

    it('says STORE_DENIED for a user without permission', async () => {
      const credentials = await s3.addUser('somebody', 'somebody-secret');
      await everything(new S3Store({ ...s3.location('x'), credentials }, TUNING), 'STORE_DENIED', /AccessDenied|403/);
    });

    it('says STORE_UNREACHABLE when nobody listens', async () => {
      await proxy.goAway();
      await everything(
        new S3Store({ ...s3.location('x'), endpoint: proxy.endpoint }, { ...TUNING, retryForMs: 100 }),
        'STORE_UNREACHABLE',
        /ECONNREFUSED/,
      );
    }).timeout(40_000);
  });

  it('sweeps multipart uploads of dead writers, only under its own prefix', async () => {
    const client = new S3Client({ ...s3.location(''), credentials: { ...s3.credentials } });
    for (const key of ['main/a', 'other/a']) {
      await client.send(new CreateMultipartUploadCommand({ Bucket: 'backups', Key: `faults-${prefix}/${key}` }));
    }
    client.destroy();
    const later = Date.now() + 60_000;
    assert.deepEqual(
      (await store.sweepUnfinished('main/', later)).map(({ key }) => key),
      ['main/a'],
    );
    assert.deepEqual(
      (await store.sweepUnfinished('', later)).map(({ key }) => key),
      ['other/a'],
    );
  });

  it('never gives out a large snapshot with a flipped bit, wherever on the way it flipped', async () => {
    const repository = new Repository(openStore({ ...s3.location('flips'), endpoint: proxy.endpoint }));
    const large = Buffer.from(`REDIS0010${randomBytes(9_000_000).toString('hex')}`);
    const ref = { instance: 'main', shard: '0', backupId: '20260214T060000Z' };
    const stored = await repository.snapshots(ref).write(ref, bytes(large));
    const manifest = sampleManifest({ stored, rdb: { ...sampleManifest().rdb, bytes: large.length } });
    for (const offset of [100, 1_500_000]) {
      proxy.flipAt(offset, 'response', { if: ({ method }) => method === 'GET' });
      await refuses(collect(repository.snapshots(manifest).open(manifest)), 'BACKUP_CORRUPT');
    }
    assert.ok(large.equals(await collect(repository.snapshots(manifest).open(manifest))));
    repository.close();
  });
});

const untilRequested = (proxy: FaultProxy, which: (request: SeenRequest) => boolean): Promise<void> =>
  until(() => proxy.requests.some(which), { what: 'the request' });
