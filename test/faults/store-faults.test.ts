import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { failureOf } from '../support/failure-of.ts';
import { type FaultProxy, type SeenRequest, startHttpFaultProxy } from '../support/fault-proxy.ts';
import { House } from '../support/house.ts';
import { pipeline } from '../support/pipeline.ts';
import { type S3Server, startS3 } from '../support/s3-server.ts';
import { assertWhole, listed, oneMore, untilStreaming } from '../support/stored-backups.ts';

const KEYS = 40;
const MB = 1024 * 1024;

const isUpload = ({ method, url }: SeenRequest) => method === 'PUT' && url.includes('dump.rdb.zst');
const isPart = (number: number) => (seen: SeenRequest) => isUpload(seen) && new RegExp(`partNumber=${number}\\b`).test(seen.url);
const isManifest = ({ method, url }: SeenRequest) => method === 'PUT' && url.includes('manifest.json');
const isCompletion = ({ method, url }: SeenRequest) => method === 'POST' && url.includes('uploadId=');
const isDownload = ({ method, url }: SeenRequest) => method === 'GET' && url.includes('dump.rdb.zst');

describe('An object store that misbehaves', function () {
  this.timeout(180_000);
  let s3: S3Server;
  let proxy: FaultProxy;
  let house: House;

  before(async () => {
    s3 = await startS3();
    proxy = await startHttpFaultProxy(s3.port);
    house = await House.open({ store: s3.location('faults') });
    await house.reconfigure(({ repository }) => {
      repository.endpoint = proxy.endpoint; // for the worker; we look at the store itself
    });
    const value = () => randomBytes(MB); // parts of 5 MB: eight of them
    await pipeline(
      house.redis,
      Array.from({ length: KEYS }, (_, at) => ['SET', `cache:${at}`, value()]),
    );
  });
  after(async () => {
    await house?.close();
    await proxy?.stop();
    await s3?.stop();
  });

  const faults: [string, () => void][] = [
    ['answers 503 for a while', () => proxy.answer(503, 'SlowDown', { times: 9, if: isUpload })],
    ['answers 500 for a while', () => proxy.answer(500, 'InternalError', { times: 7 })],
    ['cuts connections in the middle of parts', () => proxy.cutAfter(MB, 'request', { times: 6, if: isUpload })],
    ['gets another byte than was sent', () => proxy.flipAt(3 * MB, 'request', { if: isPart(2) })],
    ['gets another byte of a manifest', () => proxy.flipAt(500, 'request', { if: isManifest })],
    ['loses the answer to a part', () => proxy.loseAnswer({ if: isPart(1) })],
    ['loses the answer to the last call of an upload', () => proxy.loseAnswer({ if: isCompletion })],
    ['loses the answer to the manifest', () => proxy.loseAnswer({ if: isManifest })],
  ];
  for (const [what, misbehave] of faults)
    it(`that ${what} has one whole backup more in the end`, async () => {
      const before = proxy.faultsDone;
      misbehave();
      await oneMore(house, () => house.backup());
      assert.ok(proxy.faultsDone > before, 'the store did not misbehave');
    });

  it('that is away for 15 s in the middle of an upload gets the rest when it is back, without a second fork of Redis', async () => {
    const forks = async () => Number(/total_forks:(\d+)/.exec(String(await house.ask('INFO', 'stats')))?.[1]);
    const before = await forks();
    proxy.limit(4 * MB);
    await oneMore(house, async () => {
      const running = house.backup();
      await untilStreaming(house);
      await proxy.goAway();
      await sleep(15_000); // not a wait for something: this is the test
      proxy.limit(undefined);
      await proxy.comeBack();
      await running;
    });
    assert.equal(await forks(), before + 1);
  });

  it('that refuses for good makes the backup fail with its reason, and lists nothing', async () => {
    const before = await listed(house);
    proxy.answer(403, 'AccessDenied', { if: isUpload, times: 1 });
    const { code, next } = await failureOf(house.backup());
    assert.equal(code, 'STORE_DENIED');
    assert.match(next, /access key/);
    assert.deepEqual(await listed(house), before);
    assert.equal(await house.isLocked(), false);
  });

  const onTheWayBack: [string, () => void][] = [
    ['flips a bit', () => proxy.flipAt(MB, 'response', { if: isDownload })],
    ['cuts the connection', () => proxy.cutAfter(MB, 'response', { times: 4, if: isDownload })],
    ['answers 503', () => proxy.answer(503, 'SlowDown', { times: 5, if: isDownload })],
  ];
  for (const [what, misbehave] of onTheWayBack)
    it(`that ${what} on the way back gives the right data in the end`, async () => {
      const before = proxy.faultsDone;
      misbehave();
      const { keysFound } = await house.restore({ skipSafetySnapshot: true });
      assert.equal(keysFound, KEYS);
      assert.equal(await house.ask('DBSIZE'), KEYS);
      assert.ok(proxy.faultsDone > before, 'the store did not misbehave');
    });

  it('has only whole backups', async () => {
    for (const manifest of await house.repository.snapshots({ instance: 'main', shard: '0' }).list())
      await assertWhole(house, manifest);
    for (const seen of [isPart(1), isPart(2), isManifest, isCompletion, isDownload]) assert.ok(proxy.requests.some(seen));
  });
});
