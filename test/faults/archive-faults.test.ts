import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Finding } from '../../cli/check/finding.ts';
import { openRedis } from '../../redis/client/client.ts';
import { ArchiveLoad, countedIn } from '../support/archive-load.ts';
import { Archived, peakMb } from '../support/archived.ts';
import { type FaultProxy, startHttpFaultProxy } from '../support/fault-proxy.ts';
import { type Forwarder, startForwarder } from '../support/forwarder.ts';
import { House } from '../support/house.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { type S3Server, startS3 } from '../support/s3-server.ts';
import { until } from '../support/until.ts';

const MB = 1024 * 1024;
const PEAK_MB = 320;

describe('A continuous log whose object store is slow, away, or has large things to take', function () {
  this.timeout(300_000);
  let s3: S3Server;
  let proxy: FaultProxy;
  let house: House;
  let archived: Archived;

  const writeKeys = () => {
    writeFileSync(join(house.dir, 'key'), s3.credentials.accessKeyId);
    writeFileSync(join(house.dir, 'secret'), s3.credentials.secretAccessKey);
  };

  before(async () => {
    s3 = await startS3();
    proxy = await startHttpFaultProxy(s3.port);
    house = await House.open({
      store: s3.location('archive'),
      redis: { config: { appendonly: 'yes', 'repl-backlog-size': '1mb' } },
      instance: { archive: { segmentAge: '1s', restartDelay: '2s' } },
    });
    writeKeys();
    await house.reconfigure((config) => {
      config.repository.endpoint = proxy.endpoint; // for the worker; we look at the store itself
      config.repository.accessKeyId = { file: 'key' };
      config.repository.secretAccessKey = { file: 'secret' };
      Object.assign(config, { worker: { host: 'here', spool: { directory: house.dir, maxBytes: '1GiB' } } });
    });
    archived = new Archived(house);
    await house.ask('SET', 'first', 'value');
    await archived.start();
    await until(async () => (await archived.archive.newestTimeline()) !== undefined, { what: 'a timeline' });
  });
  after(async () => {
    await house?.close();
    await proxy?.stop();
    await s3?.stop();
  });

  it('goes on with keys that were rotated, once they are written, and check asks the worker whether it can', async () => {
    const ofWorker = async () => {
      const { stdout } = await house.command('check', 'main', '--json');
      const { findings } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as { findings: Finding[] };
      return findings.find(({ check }) => check === 'worker store');
    };
    const old = s3.credentials;
    await s3.rotate({ accessKeyId: 'new-key', secretAccessKey: 'new-secret' });
    await house.ask('SET', 'rotated', 'value');
    await until(async () => /403/.test(await archived.note()), { what: 'it says that it is refused', seconds: 60 });
    const refused = await ofWorker();
    assert.deepEqual([refused?.level, /STORE_DENIED/.test(refused?.message ?? '')], ['failed', true]);
    writeKeys();
    await until(async () => Number(await house.ask('WAIT', '1', '2000')) === 1, { what: 'the write is stored', seconds: 60 });
    const taken = await ofWorker();
    assert.equal(taken?.level, 'ok', taken?.message);
    await s3.rotate(old);
    writeKeys();
    await house.ask('SET', 'rotated', 'back');
    await until(async () => Number(await house.ask('WAIT', '1', '2000')) === 1, { what: 'the write is stored', seconds: 60 });
  }).timeout(240_000); // three commands and two starts of the store

  it('holds what comes while the store is away, with the times at which it came, and stores it when the store is back', async () => {
    const { timelineId } = await archived.newest();
    await using load = new ArchiveLoad(house.redis, { bulkBytes: 100_000 });
    const { offset: begun } = await archived.end();
    await until(async () => (await archived.end()).offset > begun, { what: 'some of it is stored' });
    await proxy.goAway();
    const awayAtMs = Date.now();
    await sleep(15_000); // not a wait for something: this is the test
    const backAtMs = Date.now();
    await proxy.comeBack();
    await load.stop();
    await archived.assertRestorable();
    const { headers } = await archived.assertChained();
    assert.equal((await archived.newest()).timelineId, timelineId, 'it began anew');
    const came = headers.flatMap(({ marks }) => marks.map((mark) => mark[1])).filter((ms) => ms > awayAtMs && ms < backAtMs);
    assert.ok(came.length > 40, `${came.length} moments of 15 s`); // four a second
    for (const [i, ms] of came.entries()) assert.ok(ms - (came[i - 1] ?? awayAtMs) < 2000, 'a hole between two moments');
    const bytes = (await archived.end()).offset;
    console.log(`      ${Math.round(bytes / MB)} MB of log; the worker had at most ${peakMb(house.workerPid)} MB`);
    assert.ok(bytes > 20 * MB, `${bytes} bytes prove little`);
    assert.ok(peakMb(house.workerPid) < PEAK_MB);
  });

  it('takes a value of 200 MB and a transaction of 100 MB in little memory', async () => {
    using client = await openRedis(house.redis.connection, { commandTimeoutMs: 60_000 });
    const before = await archived.end();
    await client.batch([['SET', 'large', Buffer.alloc(200 * MB, 'x')]]);
    await client.batch([
      ['MULTI'],
      ...Array.from({ length: 100 }, (_, i) => ['SET', `part:${i}`, Buffer.alloc(MB, `${i}`)] as const),
      ['EXEC'],
    ]);
    await archived.assertRestorable();
    const { headers } = await archived.assertChained();
    for (const { start, end } of headers) assert.ok(end - start < 20 * MB, `a segment of ${end - start} bytes`);
    assert.ok((await archived.end()).offset - before.offset > 300 * MB);
    console.log(`      the worker had at most ${peakMb(house.workerPid)} MB`);
    assert.ok(peakMb(house.workerPid) < PEAK_MB);
    await client.command('FLUSHALL');
    await client.command('SET', 'small', 'again');
    await archived.untilCaughtUp();
  });

  it('loses nothing that Redis has acknowledged when Redis is stopped, though the store is slow', async () => {
    proxy.limit(400_000);
    await using load = new ArchiveLoad(house.redis, { bulkBytes: 1_000 });
    await until(() => load.acknowledged > 100, { what: 'some writes' });
    await house.redis.kill('SIGTERM'); // it waits for its replicas, and so for the store
    await load.stop();
    proxy.limit(undefined);
    const { offset } = await archived.end();
    await until(async () => (await archived.end()).offset === offset, { what: 'it has come to rest' });
    await using copy = await archived.restored();
    const found = await countedIn(copy.connection);
    assert.ok(found >= load.acknowledged, `${found} of ${load.acknowledged} writes`);
  });

  it('goes on after a restart with another history: a base of its own when Redis has served for a while, and no gap', async () => {
    const former = await archived.newest();
    const { offset } = await archived.end();
    const restartedAtMs = Date.now();
    await house.redis.restart();
    await until(async () => (await archived.newest()).timelineId !== former.timelineId, { what: 'another timeline' });
    const { timelines } = await archived.assertChained();
    assert.equal(timelines.length, 2);
    const { reason, parent, startedAt } = await archived.newest();
    assert.equal(reason, 'restarted');
    const { endedAt: _, restartedAt = '', ...from } = parent ?? {};
    assert.deepEqual(from, { timelineId: former.timelineId, end: offset, gap: false });
    assert.ok(Date.parse(restartedAt) < Date.parse(startedAt));
    assert.ok(Date.parse(parent?.endedAt ?? '') < restartedAtMs);
    const paceMs = Date.parse(startedAt) - restartedAtMs;
    assert.ok(paceMs >= 1_000, `a full transfer ${paceMs} ms after the start`); // uptime counts whole seconds
    await house.ask('SET', 'after', 'restart');
    await archived.assertRestorable();
  });
});

describe('A continuous log whose worker or Redis fails', function () {
  this.timeout(300_000);
  let forwarder: Forwarder;
  let house: House;
  let archived: Archived;
  let password: string;

  before(async () => {
    forwarder = await startForwarder();
    house = await House.open({
      redis: { users: { archiver: 'on >pass-one ~* &* +@all' }, config: { save: '', 'repl-backlog-size': '64mb' } },
      temporal: { dynamicConfig: { 'limit.historyCount.suggestContinueAsNew': 40 } }, // it begins anew all the time
    });
    password = join(house.dir, 'password');
    writeFileSync(password, 'pass-one');
    forwarder.pointTo(house.redis.port);
    await house.reconfigure(({ instances }) => {
      Object.assign(instances.main as object, {
        url: `redis://127.0.0.1:${forwarder.port}`,
        username: 'archiver',
        password: { file: password },
        archive: { segmentAge: '1s', restartDelay: '1s' },
      });
    });
    archived = new Archived(house);
    await archived.start();
  });
  after(async () => {
    await house?.close();
    await forwarder?.[Symbol.asyncDispose]();
  });

  const isFollowed = async () => /connected_slaves:1/.test(String(await archived.ask('INFO', 'replication')));

  it('takes no empty Redis for a base', async () => {
    await until(async () => /Redis is empty/.test(await archived.note()), { what: 'it says why it waits' });
    assert.deepEqual(await house.repository.snapshots({ instance: 'main', shard: '0' }).list(), []);
    await house.ask('SET', 'first', 'value');
    await until(async () => (await archived.archive.newestTimeline()) !== undefined, { what: 'a timeline' });
    await house.ask('SET', 'second', 'value');
    await archived.assertRestorable();
  });

  it('says that the password is wrong, and goes on by itself when it is mended', async () => {
    const { timelineId } = await archived.newest();
    await house.ask('ACL', 'SETUSER', 'archiver', 'resetpass', '>pass-two');
    forwarder.cut(); // Redis itself would let a connection go on that it knows
    await until(async () => /refused user "archiver"/.test((await archived.status()).trouble ?? ''), { what: 'the trouble' });
    assert.equal((await archived.status()).phase, 'trouble');
    assert.doesNotMatch(JSON.stringify(await archived.status()), /pass-one|pass-two/);
    await archived.detach('ann'); // at once, in the middle of it
    assert.equal((await archived.status()).phase, 'detached');
    await archived.attach('ann');
    await until(async () => (await archived.status()).phase === 'trouble', { what: 'the trouble again' });
    await house.ask('SET', 'while-in-trouble', 'value');
    writeFileSync(password, 'pass-two');
    await archived.untilCaughtUp(25);
    assert.equal((await archived.status()).phase, 'follow');
    assert.equal((await archived.status()).trouble, undefined);
    assert.equal((await archived.newest()).timelineId, timelineId);
  });

  it('stays away until the last one who has detached it lets it come back', async () => {
    assert.match((await archived.detach('ann')).detachedBy ?? '', /^ann$/);
    await archived.detach('ann');
    assert.match((await archived.detach('a restore')).detachedBy ?? '', /^ann, a restore$/);
    await archived.attach('a restore');
    await archived.attach('somebody else');
    assert.equal(await isFollowed(), false);
    assert.equal((await archived.status()).phase, 'detached');
    const { runId } = await archived.handle.describe();
    for (let time = 0; time < 20; time++) await archived.detach('ann');
    assert.notEqual((await archived.handle.describe()).runId, runId, 'it has begun anew');
    assert.equal((await archived.status()).detachedBy, 'ann');
    assert.equal((await archived.status()).rpo?.seconds, 0);
    await archived.attach('ann');
    await until(isFollowed, { what: 'it follows' });
    assert.equal((await archived.attach('ann')).detachedBy, undefined); // nothing to lift
  });

  it('is joined by a second start, and runs while a backup holds the lock', async () => {
    assert.equal((await house.command('archive')).code, 0);
    assert.match((await house.command('archive')).stdout, /runs already/);
    await house.backup();
    assert.equal(await isFollowed(), true);
    await house.ask('SET', 'after-backup', 'value');
    await archived.untilCaughtUp();
  });

  it('goes on without a gap when a Redis with snapshots is stopped and started', async () => {
    const former = await archived.newest();
    await house.ask('CONFIG', 'SET', 'save', '3600 1');
    await house.ask('CONFIG', 'SET', 'requirepass', '');
    await using load = new ArchiveLoad(house.redis);
    await until(() => load.acknowledged > 50, { what: 'some writes' });
    await house.redis.kill('SIGTERM');
    writeFileSync(password, 'pass-one'); // as redis.conf has it
    await house.redis.restart();
    await until(async () => (await archived.newest()).timelineId !== former.timelineId, { what: 'another timeline' });
    const { reason, parent, first } = await archived.newest();
    assert.deepEqual([reason, parent?.gap, parent?.end], ['continued', false, first]);
    const now = load.acknowledged;
    await until(() => load.acknowledged > now + 20, { what: 'more writes' });
    await load.stop();
    await archived.assertRestorable();
    await archived.assertChained();
  });

  it('goes on without a gap at a replica that was promoted', async () => {
    const former = await archived.newest();
    await using replica = await startRedis({
      users: { archiver: 'on >pass-one ~* &* +@all' },
      config: { replicaof: `127.0.0.1 ${house.redis.port}` },
    });
    await using load = new ArchiveLoad(house.redis);
    await until(async () => /master_link_status:up/.test(String(await replica.command('INFO', 'replication'))));
    await load.stop();
    await archived.untilCaughtUp();
    const before = await archived.sourceAt();
    await until(async () => (await offsetOf(replica)) >= before.offset, { what: 'the replica has everything' });
    await house.redis.kill('SIGSTOP');
    await replica.command('REPLICAOF', 'NO', 'ONE');
    forwarder.pointTo(replica.port);
    archived.connection = replica.connection;
    await replica.command('SET', 'written-to-the-promoted', 'value');
    await until(async () => (await archived.newest()).timelineId !== former.timelineId, { what: 'another timeline' });
    const { reason, parent, first } = await archived.newest();
    assert.deepEqual([reason, parent?.gap, parent?.end], ['continued', false, first]);
    await archived.assertRestorable();
    await archived.assertChained();
    await house.redis.kill('SIGKILL');
  });

  it('starts detached when it is begun anew so, and ends when it is cancelled', async () => {
    await archived.handle.cancel();
    await assert.rejects(archived.handle.result());
    await archived.start({ detachedBy: ['ann'] });
    assert.equal((await archived.status()).detachedBy, 'ann');
    await archived.handle.cancel();
    await assert.rejects(archived.handle.result());
  });
});

async function offsetOf(replica: RedisServer): Promise<number> {
  return Number(/master_repl_offset:(\d+)/.exec(String(await replica.command('INFO', 'replication')))?.[1]);
}
