import assert from 'node:assert/strict';
import { existsSync, readdirSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { leftoversText } from '../../../cli/commands/leftovers.ts';
import { diagnose } from '../../../model/recovery/diagnose.ts';
import {
  asDirectOwner,
  discardStaged,
  leftBehind,
  moveAside,
  removeLeftBehind,
  replaceWithRdb,
  stageRdb,
} from '../../../platforms/data-directory.ts';
import { writeMultiPartFromRdb } from '../../../redis/aof/directory.ts';
import { cutOff, data, down, look, observations, platform } from '../../fixtures/observations.ts';
import { MAIN } from '../../fixtures/shard.ts';
import { goodRdb } from '../support/ailing-redis.ts';
import { actsOf, assess, is } from '../support/assessed.ts';
import { found, type RecoverySite, recoverySite } from '../support/recovery-site.ts';

const KEYS = 50;
const ID = 'direct-cut-off';

/** A Redis that a restore has stopped, and whose data it has moved away before it was cut off. */
async function cutOffSite(appendonly: boolean): Promise<RecoverySite> {
  const site = await recoverySite({ config: appendonly ? { appendonly: 'yes', appendfsync: 'always' } : { save: '3600 1' } });
  for (let n = 0; n < KEYS; n++) await site.ask('SET', `session:${n}`, 'x');
  if (!appendonly) await site.ask('SAVE');
  await site.redis.stop();
  await moveAside(await site.platform.dataLayout(), ID);
  return site;
}

const replace = async (site: RecoverySite) => {
  const layout = await site.platform.dataLayout();
  await stageRdb(
    layout,
    ID,
    (async function* () {
      yield goodRdb();
    })(),
  );
  await replaceWithRdb(layout, ID, { buildAppendDirectory: (directory, names) => writeMultiPartFromRdb(directory, names) });
};

const back = async (site: RecoverySite): Promise<number> => {
  await site.during((actions) => actions.putBackUnfinished(found('data-aside')));
  await site.during((actions) => actions.restartServer(found('data-aside')));
  return (await site.during((actions) => actions.awaitServingAgain({ ...MAIN, sinceMs: 0 }))).keys;
};

describe('What an operation that was cut off has moved away', function () {
  this.timeout(60_000);

  for (const appendonly of [true, false])
    it(`is seen before a Redis with appendonly ${appendonly ? 'yes' : 'no'} is started empty, and comes back whole`, async () => {
      await using site = await cutOffSite(appendonly);
      const looked = await assess(site.redis);
      is(
        looked,
        'data-aside',
        /Operation direct-cut-off was cut off .* ago, and has moved the data away: .*, in .*\/direct-cut-off\/aside/,
      );
      if (!appendonly) is(looked, 'data-aside', /50 keys in its RDB/);
      assert.deepEqual(actsOf(looked), ['put-back-data', 'restart']);
      assert.equal(await back(site), KEYS);
      is(await assess(site.redis), 'healthy');
    });

  it('comes back when new data stands in its place that was never served, and not when clients have written to that', async () => {
    await using site = await cutOffSite(false);
    await replace(site);
    is(await assess(site.redis), 'data-aside');
    const later = Date.now() / 1000 + 60;
    utimesSync(join(site.redis.dir, 'dump.rdb'), later, later); // as a save of Redis does
    is(await assess(site.redis), 'dead');
    const [left] = await leftBehind(await site.platform.dataLayout());
    assert.equal(left?.inUse, true);
    const ballast = statSync(join(left.directory, 'ballast')).size;
    assert.ok(ballast > 0 && left.bytes < left.asideBytes + ballast, 'the ballast of its journal is nothing that is kept');
    assert.match(leftoversText('main', left ? [left] : []), /never proved, and in use since; the old data is here/);
  });

  it('comes back by a person’s word only, when a Redis was started without it and has taken keys', async () => {
    await using site = await cutOffSite(true);
    await site.redis.restart();
    is(await assess(site.redis), 'data-aside', /Redis runs without it, and has 0 keys/);
    assert.deepEqual(actsOf(await assess(site.redis)), ['put-back-data', 'restart']);
    await site.ask('SET', 'new', '1');
    const looked = await assess(site.redis);
    assert.deepEqual(actsOf(looked), ['network-snapshot', 'put-back-data?', 'restart?']);
    assert.match(looked.assessment.actions[1]?.ask?.question ?? '', /has 1 keys now\. May it be stopped/);
    assert.equal(await back(site), KEYS);
    const rejected = join(site.redis.dir, '.redis-backup', ID, 'rejected');
    assert.deepEqual(readdirSync(rejected), ['appendonlydir'], 'what it had written is kept');
  });

  it('is left to a restore --direct that is at work: nothing is planned, and nobody else may change the directory', async () => {
    await using site = await cutOffSite(true);
    const layout = await site.platform.dataLayout();
    await asDirectOwner(layout, ID, async () => {
      const looked = await assess(site.redis);
      is(looked, 'data-aside', new RegExp(`process ${process.pid} has moved the data away, and is still at work`));
      assert.deepEqual(actsOf(looked), []);
      await assert.rejects(
        asDirectOwner(layout, 'another', async () => undefined),
        {
          code: 'LOCKED',
          message: new RegExp(`process ${process.pid}, operation ${ID}`),
        },
      );
      await assert.rejects(removeLeftBehind(layout, ID), { code: 'RESTORE_REFUSED', message: /is under way/ });
    });
    assert.deepEqual(actsOf(await assess(site.redis)), ['put-back-data', 'restart']);
  });

  it('is never removed, and what ended is, by name', async () => {
    await using site = await cutOffSite(true);
    const layout = await site.platform.dataLayout();
    await assert.rejects(removeLeftBehind(layout, ID), { code: 'RESTORE_REFUSED', message: /may be the only copy of the data/ });
    await back(site);
    await discardStaged(layout, 'another');
    assert.deepEqual(
      (await leftBehind(layout)).map(({ operationId, phase }) => [operationId, phase]).sort(),
      [
        ['another', 'put-back'],
        [ID, 'put-back'],
      ].sort(),
    );
    await removeLeftBehind(layout, ID);
    assert.equal(existsSync(join(site.redis.dir, '.redis-backup', ID)), false);
    await assert.rejects(removeLeftBehind(layout, 'nothing'), { code: 'INPUT_INVALID' });
    assert.equal(existsSync(join(site.redis.dir, '.redis-backup', 'nothing')), false);
  });

  it('is told before anything that the log of Redis says, and waited for while the holder of the lock is at work', () => {
    const dead = observations(down({ data: data({ aof: undefined, leftBehind: [cutOff()] }) }));
    assert.equal(diagnose(dead).failure, 'data-aside');
    const held = observations(down({ data: data({ aof: undefined, leftBehind: [cutOff({ owner: 'restore/main' })] }) }));
    const { failure, evidence, advice, actions } = diagnose(held);
    assert.equal(failure, 'data-aside');
    assert.match(evidence[0] ?? '', /restore\/main has moved the data away, and is still at work/);
    assert.match(advice[0] ?? '', /Wait for restore\/main/);
    assert.deepEqual(actions, []);
  });

  it('is no matter of a replica, nor of a Redis without any', () => {
    const left = [cutOff({ phase: 'done', unfinished: false })];
    assert.equal(diagnose(observations(down({ data: data({ leftBehind: left }) }))).failure, 'dead');
    const replica = look('read-only', { role: 'slave', primary: '10.0.0.1:6379' });
    const seen = observations({ worker: replica, platform: { ...platform(true), data: data({ leftBehind: [cutOff()] }) } });
    assert.equal(diagnose(seen).failure, 'read-only');
  });
});
