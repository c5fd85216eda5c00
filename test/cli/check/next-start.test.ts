import assert from 'node:assert/strict';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { startRedis } from '../../support/redis-server.ts';
import { CheckStage, found, processOf } from '../support/check-stage.ts';

describe('redis-backup check of the next start of a Redis', function () {
  this.timeout(60_000);
  let stage: CheckStage;
  before(async () => {
    stage = await CheckStage.open();
  });
  after(() => stage?.close());

  it('foresees what a restart takes back, names what keeps it, and that Redis would not start', async () => {
    await using redis = await startRedis({ config: { save: '3600 1' } });
    await using site = await stage.siteOf(redis, processOf(redis));
    assert.deepEqual(await found(site, 'next start'), [
      { level: 'ok', message: 'its redis.conf starts, with the users and settings that it has now' },
    ]);

    await redis.command('ACL', 'SETUSER', 'bob', 'on', '>secret-word', '~*', '+@all');
    assert.deepEqual(await found(site, 'next start'), [
      {
        level: 'warning',
        message: 'a restart takes back what was set at run time: user bob (gone; sign-ins of now are refused then)',
        next: 'To keep it: `CONFIG REWRITE`.',
      },
    ]);

    await appendFile(redis.configFile, '\nmaxmemory-polcy allkeys-lru\n');
    const [broken] = await found(site, 'next start');
    assert.equal(broken?.level, 'failed');
    assert.match(broken?.message ?? '', /^main would not start again: .*Bad directive or wrong number of arguments/);
  });

  it('--apply writes no users of an included file twice, and says what an included file wins over', async () => {
    await using redis = await startRedis({ config: { save: '3600 1', appendonly: 'no' } });
    await using site = await stage.siteOf(redis, processOf(redis));
    const included = `${redis.dir}/../more.conf`;
    await writeFile(included, 'appendonly no\n');
    await appendFile(redis.configFile, `\ninclude ${included}\n`);
    await redis.restart();
    const [kept] = await found(site, 'policy', 'check --apply');
    assert.match(kept?.message ?? '', /lost at the next restart: appendonly is yes now, no then \(set it in .*more\.conf/);

    await writeFile(included, 'user ops on nopass ~* &* +@all\n');
    await redis.restart();
    await redis.command('CONFIG', 'SET', 'appendonly', 'no');
    const text = await readFile(redis.configFile, 'utf8');
    const [harmed] = await found(site, 'policy', 'check --apply');
    assert.match(harmed?.message ?? '', /no CONFIG REWRITE: it would copy the user lines of .*more\.conf/);
    assert.equal(await readFile(redis.configFile, 'utf8'), text);
  });

  it('says so when its own password would be refused', async () => {
    await using redis = await startRedis({ config: { save: '3600 1' } });
    await using site = await stage.siteOf(redis, processOf(redis));
    await appendFile(redis.configFile, '\nrequirepass another\n');
    const [finding] = await found(site, 'next start');
    assert.equal(finding?.level, 'failed');
    assert.match(finding?.message ?? '', /^after a restart main would refuse the user and password of redis-backup.yaml/);
    assert.doesNotMatch(JSON.stringify(finding), /another/);
  });
});
