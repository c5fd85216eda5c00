import assert from 'node:assert/strict';
import { RecoveryError } from '../../../model/errors.ts';
import { Repository } from '../../../repository/repository.ts';
import { startLoading } from '../../redis/support/start-loading.ts';
import { type RedisServer, startRedis } from '../../support/redis-server.ts';
import { until } from '../../support/until.ts';
import { Following } from './following.ts';

const MB = 1024 * 1024;

describe('A stay of the archiver', function () {
  this.timeout(30_000);
  let redis: RedisServer;
  let following: Following;
  beforeEach(async () => {
    redis = await startRedis();
    await redis.command('SET', 'first', 'value');
    following = new Following(redis);
  });
  afterEach(async () => {
    following.cancel.abort();
    await redis[Symbol.asyncDispose]();
  });

  const write = (megabytes: number) =>
    redis.command('EVAL', `for i=1,${megabytes} do redis.call('SET', 'k'..i, string.rep('x', 1048576)) end`, '0');
  const away = () => new RecoveryError('STORE_UNREACHABLE', 'the store is away', { next: 'Wait.' });

  it('ends with everything stored when its worker drains', async () => {
    const { ended } = await following.begun();
    await redis.command('SET', 'last', 'value');
    const wanted = await following.sourceAt();
    const { first = 0 } = (await following.archive.newestTimeline()) ?? {};
    await until(() => first + following.came >= wanted, { what: 'it has come' });
    following.drain.abort();
    assert.equal((await ended).ended, 'draining');
    assert.ok((await following.end()) >= wanted);
    assert.equal(following.rpo?.seconds, 0);
    assert.equal(following.rpo?.storedUpTo, (await ended).storedUpTo);
  });

  it('ends in order, too, when its worker drains before it follows: while it waits, and while it takes a base', async () => {
    await redis.command('FLUSHALL');
    const waiting = following.begin();
    await until(() => following.notes.some((note) => note.includes('Redis is empty')), { what: 'it waits' });
    following.drain.abort();
    assert.deepEqual(await waiting.ended, { ended: 'draining' });
    await redis.command('DEBUG', 'POPULATE', '1000', 'k', '1000');
    await redis.command('CONFIG', 'SET', 'rdb-key-save-delay', '20000');
    const next = new Following(redis);
    const loading = next.begin();
    const isSaving = async () => String(await redis.command('INFO', 'persistence')).includes('rdb_bgsave_in_progress:1');
    await until(isSaving, { what: 'it gets a base' });
    next.drain.abort();
    assert.deepEqual(await loading.ended, { ended: 'draining' });
    assert.deepEqual(await next.archive.timelines(), []);
  });

  it('says in each segment which commands it has, and which databases they name', async () => {
    const { ended } = await following.begun();
    const stored = async (...commands: string[][]) => {
      for (const words of commands) await redis.command(...words);
      await redis.command('WAIT', '1', '5000'); // for the store: a segment ends here
    };
    await stored(['SELECT', '3'], ['SET', 'a', '1'], ['SWAPDB', '0', '14']);
    await stored(['PUBLISH', 'news', 'x'], ['MULTI'], ['SELECT', '9'], ['LPUSH', 'b', '1'], ['LPUSH', 'b', '2'], ['EXEC']);
    const timelineId = (await following.archive.newestTimeline())?.timelineId ?? '';
    const segments = await following.archive.segments(timelineId);
    const needs = await Promise.all(segments.map(async (segment) => (await following.archive.header(segment)).needs));
    assert.deepEqual(needs.slice(-2), [
      { commands: ['SELECT', 'SET', 'SWAPDB'], highestDb: 14 },
      { commands: ['EXEC', 'LPUSH', 'MULTI', 'SELECT'], highestDb: 9 },
    ]);
    following.cancel.abort();
    await ended.catch(() => undefined);
  });

  it('tells of commands that no replay will execute as soon as they come', async () => {
    await using hiding = await startRedis({ config: { 'rename-command': 'FLUSHALL hidden1' } });
    await hiding.command('SET', 'first', 'value');
    const other = new Following(hiding);
    const { ended } = other.begin();
    await other.untilFollowing();
    await hiding.command('hidden1');
    await hiding.command('WAIT', '1', '5000');
    other.cancel.abort();
    await ended.catch(() => undefined);
    assert.deepEqual(other.rpo?.foreign, ['HIDDEN1 (renamed by the source, of a module or of a newer Redis)']);
  });

  it('marks what was written while nobody followed: when it came says nothing of when it was written', async () => {
    const { ended } = await following.begun();
    await redis.command('SET', 'by', 'the way');
    await redis.command('WAIT', '1', '5000');
    const leftMs = Date.now();
    following.drain.abort();
    await ended;
    await redis.command('FLUSHALL');
    const other = new Following(redis);
    Object.assign(other, { store: following.store, archive: following.archive, aheadMs: 60_000 });
    const again = other.begin();
    await other.untilFollowing();
    await redis.command('WAIT', '1', '5000'); // what was written meanwhile is stored
    await redis.command('SET', 'in', 'time');
    await redis.command('WAIT', '1', '5000');
    other.cancel.abort();
    await again.ended.catch(() => undefined);
    const period = { fromMs: leftMs, toMs: leftMs + 30_000 };
    const { found } = await following.archive.destructive(await following.archive.extents(), period);
    assert.deepEqual(
      found.map(({ command, sinceMs = Number.POSITIVE_INFINITY, atMs }) => [command, sinceMs <= leftMs, atMs > period.toMs]),
      [['FLUSHALL', true, true]],
    );
    const timelineId = (await following.archive.newestTimeline())?.timelineId ?? '';
    const last = (await following.archive.segments(timelineId)).at(-1);
    assert.ok(last);
    assert.deepEqual((await following.archive.header(last)).late, [], 'what came in time has its time');
  });

  it('never says that less would be lost than it has heard nothing, and gives a dead line up', async () => {
    await redis.command('CONFIG', 'SET', 'repl-ping-replica-period', '1');
    const figures: { note: string; seconds: number }[] = [];
    following.onNote = (note) => figures.push({ note, seconds: following.seconds });
    const { ended } = await following.begun();
    await redis.kill('SIGSTOP');
    try {
      await assert.rejects(ended, { code: 'REPLICATION_INTERRUPTED', message: /it sent nothing for 2500 ms/ });
    } finally {
      await redis.kill('SIGCONT');
    }
    const [silent] = figures.filter(({ note }) => note.includes('nothing heard from Redis for'));
    assert.ok(silent && silent.seconds > 1, JSON.stringify(figures));
    assert.match(following.rpo?.silentSince ?? '', /^\d{4}-/);
    assert.ok((following.rpo?.seconds ?? 0) > 1);
    const again = await following.begun();
    await until(() => following.rpo?.silentSince === undefined, { what: 'it is heard again' });
    following.cancel.abort();
    await again.ended.catch(() => undefined);
  });

  it('lists a mass delete that went over several segments once, also when it ends right behind it', async () => {
    const { ended } = await following.begun();
    const mset = (from: number) => ['MSET', ...Array.from({ length: 1500 }, (_, i) => [`${from + i}`, 'v']).flat()];
    const del = (from: number) => ['DEL', ...Array.from({ length: 1500 }, (_, i) => `${from + i}`)];
    await redis.command(...mset(0));
    await redis.command(...mset(1500));
    const before = await following.sourceAt();
    await redis.command(...del(0));
    const middle = await following.sourceAt();
    await redis.command('WAIT', '1', '5000'); // for the store: a segment ends here, and the window does not
    await redis.command(...del(1500));
    const wanted = await following.sourceAt();
    await redis.command('WAIT', '1', '5000');
    assert.ok((await following.end()) >= wanted);
    following.drain.abort();
    await ended;
    const { found } = await following.archive.destructive(await following.archive.extents(), { fromMs: 0, toMs: Date.now() });
    assert.deepEqual(
      found.map((one) => [one.command, one.before, one.keys]),
      [['mass delete', before, 3000]],
    );
    assert.ok((found[0]?.after ?? 0) > middle && (found[0]?.after ?? 0) <= wanted);
  });

  it('gets rid of the times of a clock that was ahead, and goes on without a gap', async () => {
    following.aheadMs = 60 * 24 * 3_600_000;
    const { ended } = await following.begun();
    await redis.command('SET', 'ahead', 'value');
    await redis.command('WAIT', '1', '5000');
    following.drain.abort();
    await ended;
    const wrong = await following.archive.newestTimeline();
    const right = new Following(redis);
    for (const [key, object] of following.store.objects) right.store.objects.set(key, object);
    const { ended: rightEnded } = right.begin();
    await right.untilFollowing();
    await redis.command('SET', 'right', 'value');
    await redis.command('WAIT', '1', '5000');
    right.drain.abort();
    await rightEnded;
    const timeline = await right.archive.newestTimeline();
    assert.deepEqual([timeline?.reason, timeline?.parent?.gap, timeline?.replid], ['continued', false, wrong?.replid]);
    const { end, lastAtMs } = await right.archive.position(timeline?.timelineId ?? '');
    assert.ok(Math.abs(lastAtMs - Date.now()) < 60_000, `its last byte came ${new Date(lastAtMs).toISOString()}`);
    assert.ok(end > (timeline?.first ?? 0));
    const { clocks } = await right.archive.extents();
    assert.deepEqual(
      clocks.map(({ id }) => id),
      [wrong?.timelineId],
    );
  });

  it('does not begin when its worker drains already', async () => {
    following.drain.abort();
    assert.deepEqual(await following.follow(), { ended: 'draining' });
    assert.equal(await following.archive.newestTimeline(), undefined);
  });

  it('ends when its worker drained or was told to stop while it came, also from an idle Redis', async () => {
    following.store.before = (operation, key) => {
      if (operation === 'put' && key.includes('timeline.json')) following.drain.abort();
    };
    const { ended } = following.begin();
    assert.equal((await ended).ended, 'draining');
  });

  it('ends when another archiver has taken over, although its memory is full', async () => {
    const { ended } = await following.begun();
    const put = Promise.withResolvers<void>();
    following.store.before = async (operation, key) => {
      if (operation !== 'put' || !key.endsWith('.aof.zst')) return;
      await put.promise;
      throw new RecoveryError('ARCHIVER_REPLACED', 'another one', { next: 'Nothing.' });
    };
    await write(100);
    await until(() => following.came > 20 * MB, { what: 'more than fits in its memory' });
    put.resolve();
    await assert.rejects(ended, { code: 'ARCHIVER_REPLACED' });
  });

  it('holds on while the store refuses its keys: they may be rotated', async () => {
    const { ended } = await following.begun();
    let puts = 0;
    following.store.before = (operation) => {
      if (operation !== 'put' || ++puts > 2) return;
      throw new RecoveryError('STORE_DENIED', 'the keys are refused', { next: 'Write the new ones.' });
    };
    await redis.command('SET', 'third', 'value');
    const wanted = await following.sourceAt();
    await until(async () => (await following.end()) >= wanted, { what: 'it is stored', seconds: 10 });
    assert.ok(following.notes.some((note) => note.includes('the keys are refused')));
    following.drain.abort();
    await ended;
  });

  it('holds on while the store is away, and stores what it holds when Redis is gone meanwhile', async () => {
    const { ended } = await following.begun();
    let isAway = true;
    let puts = 0;
    following.store.before = (operation) => {
      if (operation !== 'put' || !isAway) return;
      puts += 1;
      throw away();
    };
    await redis.command('SET', 'third', 'value');
    const wanted = await following.sourceAt();
    await until(() => puts > 1, { what: 'it tries again' });
    const says = /oldest unstored write is [2-9] s old, the store is away/;
    await until(() => says.test(following.notes.at(-1) ?? ''), { what: 'it says what would be lost, and why' });
    await redis.kill('SIGKILL');
    await until(() => puts > 2, { what: 'it tries again' });
    isAway = false;
    await assert.rejects(ended, { code: 'REPLICATION_INTERRUPTED' });
    assert.ok((await following.end()) >= wanted);
  });

  it('gives up when it is told to let go while the store hangs, after the seconds that the store has', async () => {
    const { ended } = await following.begun();
    following.store.before = (operation) => (operation === 'put' ? new Promise(() => undefined) : undefined);
    await redis.command('SET', 'third', 'value');
    await until(() => following.came > 0, { what: 'it has come' });
    following.cancel.abort(new Error('told to let go'));
    await assert.rejects(ended, /told to let go/);
    assert.ok((following.rpo?.seconds ?? 0) > 7);
  });

  it('takes no base from a Redis that became empty while it came', async () => {
    following.onNote = (note) => note === 'connecting' && void redis.command('FLUSHALL');
    await assert.rejects(following.follow(), { code: 'REDIS_NOT_READY' });
    assert.deepEqual(await new Repository(following.store).snapshots({ instance: 'main', shard: '0' }).list(), []);
  });

  it('waits until Redis has loaded, and takes no half of it for a base', async () => {
    await using loading = await startLoading();
    const late = new Following(loading);
    const { ended } = late.begin();
    await until(() => late.notes.some((note) => /Redis is loading/.test(note)), { what: 'it says why it waits' });
    await loading.command('CONFIG', 'SET', 'key-load-delay', '0');
    await late.untilFollowing();
    late.drain.abort();
    await ended;
    assert.deepEqual(
      (await new Repository(late.store).snapshots({ instance: 'main', shard: '0' }).list()).map(({ rdb }) => rdb.keys),
      [2000],
    );
  });

  it('takes a base of its own when the only snapshot is of a former history', async () => {
    const { ended } = await following.begun();
    await redis.command('SET', 'second', 'value'); // a place at offset 0 is none
    await until(() => following.came > 0, { what: 'it has come' });
    following.drain.abort();
    await ended;
    const later = new Following(redis); // its base lies where Redis is stopped: Redis goes on from there, under another id
    const { ended: laterEnded } = later.begin();
    await later.untilFollowing();
    later.drain.abort();
    await laterEnded;
    await redis.command('CONFIG', 'SET', 'save', '3600 1');
    await redis.restart();
    const again = new Following(redis);
    for (const [key, object] of later.store.objects) if (!key.includes('/archive/')) again.store.objects.set(key, object);
    const { ended: endedAgain } = again.begin();
    await again.untilFollowing();
    again.drain.abort();
    await endedAgain;
    const { timelineId, replid } = (await again.archive.newestTimeline()) ?? {};
    const bases = (await new Repository(again.store).snapshots({ instance: 'main', shard: '0' }).list()).filter(
      ({ replication }) => replication.replid === replid,
    );
    assert.equal(bases.length, 1, `${timelineId} has no base`);
  });
});
