import assert from 'node:assert/strict';
import { readdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { MAIN } from '../../fixtures/shard.ts';
import { startRedis } from '../../support/redis-server.ts';
import { until } from '../../support/until.ts';
import { actsOf, assess, is } from '../support/assessed.ts';
import { found, type RecoverySite, recoverySite } from '../support/recovery-site.ts';

const OLD = 10;
const NEW = 500;

/** Redis has the newer data in files that its next start does not load, and is killed. */
async function switchedSite(appendonly: 'yes' | 'no'): Promise<RecoverySite> {
  const site = await recoverySite({ config: { appendonly, save: '' } });
  await write(site, 'old', OLD);
  if (appendonly === 'no') await site.ask('SAVE');
  await site.ask('CONFIG', 'SET', 'appendonly', appendonly === 'no' ? 'yes' : 'no');
  await until(async () => !/aof_rewrite_in_progress:1/.test(String(await site.ask('INFO', 'persistence'))));
  await write(site, 'new', NEW);
  if (appendonly === 'yes') await site.ask('SAVE');
  await site.redis.kill('SIGKILL');
  ageBy(60, appendonly === 'no' ? [join(site.redis.dir, 'dump.rdb')] : filesIn(join(site.redis.dir, 'appendonlydir')));
  return site;
}

const filesIn = (directory: string): string[] => readdirSync(directory).map((name) => join(directory, name));

function ageBy(seconds: number, paths: readonly string[]): void {
  const then = Date.now() / 1000 - seconds;
  for (const path of paths) utimesSync(path, then, then);
}

/** By commands, as clients do: what DEBUG makes is in no log. */
const write = (site: RecoverySite, prefix: string, keys: number) =>
  site.ask('EVAL', `for i=1,${keys} do redis.call('SET', '${prefix}:'..i, string.rep('x', 100)) end`, '0');

describe('A Redis whose appendonly was switched while it ran', function () {
  this.timeout(60_000);

  for (const appendonly of ['no', 'yes'] as const)
    it(`is not simply started with the older data by appendonly ${appendonly}: both are kept, and a person is asked`, async () => {
      await using site = await switchedSite(appendonly);
      const looked = await assess(site.redis, { settings: { onDamage: 'ask' } });
      is(
        looked,
        'newer-ignored',
        new RegExp(`Its next start does not load its newest data: it starts with appendonly ${appendonly}`),
      );
      assert.deepEqual(actsOf(looked), ['set-aside', 'restart?']);
      assert.match(looked.assessment.actions[1]?.ask?.question ?? '', /Declined, Redis stays down: set `appendonly (yes|no)`/);
      assert.deepEqual(actsOf(await assess(site.redis, { overrides: { onDamage: 'serve-empty' } })), ['set-aside', 'restart']);

      const input = found('newer-ignored', { actions: looked.assessment.actions });
      const kept = await site.during((actions) => actions.setAside(input));
      await site.during((actions) => actions.restartServer(input));
      const serves = await site.during((actions) => actions.awaitServingAgain({ ...MAIN, sinceMs: 0 }));
      assert.equal(serves.keys, OLD, 'serving comes first');
      const other = appendonly === 'no' ? 'yes' : 'no';
      const seed =
        appendonly === 'no'
          ? Object.fromEntries(logOf(kept.directory))
          : { 'dump.rdb': { from: join(kept.directory, 'dump.rdb') } };
      await using brought = await startRedis({ config: { appendonly: other }, seed });
      assert.equal(await brought.dbsize(), OLD + NEW, 'and nothing is lost');
    });

  it('is none when an RDB was saved beside its log later than anything was written', async () => {
    await using site = await recoverySite({ config: { appendonly: 'yes' } });
    await write(site, 'key', NEW);
    await site.ask('SAVE');
    await site.redis.kill('SIGKILL');
    ageBy(60, filesIn(join(site.redis.dir, 'appendonlydir')));
    is(await assess(site.redis), 'dead');
  });
});

function logOf(directory: string): [string, { from: string }][] {
  const names = readdirSync(join(directory, 'appendonlydir'));
  return names.map((name) => [`appendonlydir/${name}`, { from: join(directory, 'appendonlydir', name) }]);
}
