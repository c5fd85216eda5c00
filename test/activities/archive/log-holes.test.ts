import assert from 'node:assert/strict';
import { chooseFromLog } from '../../../repository/archive/choose.ts';
import { Repository } from '../../../repository/repository.ts';
import { type RedisServer, startRedis } from '../../support/redis-server.ts';
import { until } from '../../support/until.ts';
import { Following } from './following.ts';

describe('A stay of the archiver whose store loses a part of the log', function () {
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

  const write = async (key: string) => {
    await redis.command('SET', key, 'value');
    await redis.command('WAIT', '1', '5000'); // for the store: a segment ends here
  };
  const lose = async (at: number) => {
    const { timelineId = '' } = (await following.archive.newestTimeline()) ?? {};
    const segment = (await following.archive.segments(timelineId)).at(at);
    following.store.objects.delete(segment?.key ?? '');
    return { timelineId, segment };
  };
  const snapshots = async () => new Repository(following.store).snapshots({ instance: 'main', shard: '0' }).list();
  const untilNewBase = async (timelineId: string) => {
    await until(async () => (await following.archive.newestTimeline())?.timelineId !== timelineId, {
      what: 'a new timeline',
      seconds: 20,
    });
    await following.untilFollowing();
    const timeline = await following.archive.newestTimeline();
    assert.equal(timeline?.reason, 'hole');
    assert.deepEqual([timeline?.parent?.timelineId, timeline?.parent?.gap], [timelineId, true]);
    assert.match(
      following.notes.at(-1) ?? '',
      /the store had lost a part of the log, and a new base was taken: offsets \d+ to \d+/,
    );
    await write('after');
    const { manifest, beyond } = await chooseFromLog(following.archive, { until: 'latest', snapshots: await snapshots() });
    assert.equal(manifest.reason, 'archive');
    assert.deepEqual(beyond, [], 'nothing newer is lost');
  };

  it('takes a new base at once, and says what is lost', async () => {
    following.lookEveryMs = 200;
    const { ended } = await following.begun();
    for (const key of ['a', 'b', 'c', 'd']) await write(key);
    const { timelineId, segment } = await lose(-3);
    await untilNewBase(timelineId);
    const { damage, gaps } = await following.archive.extents();
    assert.deepEqual([damage.map(({ what, from }) => [what, from]), gaps.length], [[['hole', segment?.start]], 1]);
    following.drain.abort();
    await ended;
    assert.match(following.rpo?.hole ?? '', /are not in the repository/);
  });

  it('takes one for the newest segments, too, though nothing lies behind them', async () => {
    following.lookEveryMs = 200;
    const { ended } = await following.begun();
    for (const key of ['a', 'b']) await write(key);
    const { timelineId } = await lose(-1);
    await untilNewBase(timelineId);
    following.drain.abort();
    await ended;
  });

  it('takes one at its begin for what was lost before', async () => {
    const { ended } = await following.begun();
    for (const key of ['a', 'b', 'c', 'd']) await write(key);
    following.drain.abort();
    await ended;
    const { timelineId } = await lose(-3);
    const next = new Following(redis);
    for (const [key, object] of following.store.objects) next.store.objects.set(key, object);
    following = next;
    const again = following.begin();
    await untilNewBase(timelineId);
    following.drain.abort();
    await again.ended;
  });

  it('takes none for what was compacted', async () => {
    following.lookEveryMs = 100;
    const { ended } = await following.begun();
    for (const key of ['a', 'b', 'c', 'd', 'e']) await write(key);
    const { timelineId = '' } = (await following.archive.newestTimeline()) ?? {};
    const { compacted } = await following.archive.compact(timelineId, { nowMs: Date.now() + 24 * 3_600_000 });
    assert.ok(compacted.length > 0);
    let looks = 0;
    following.store.before = (operation) => void (operation === 'list' && looks++);
    await until(() => looks > 6, { what: 'it has looked', seconds: 10 });
    assert.equal((await following.archive.newestTimeline())?.timelineId, timelineId);
    following.drain.abort();
    await ended;
  });
});
