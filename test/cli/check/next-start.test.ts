import assert from 'node:assert/strict';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { redisBinaries } from '../../support/redis-binaries.ts';
import { startRedis } from '../../support/redis-server.ts';
import { skipWithout } from '../../support/skip-without.ts';
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

  it('fails where a start would take an older program, which could not read what Redis has', async function () {
    const newer = redisBinaries().find(({ version }) => version.startsWith('8.2'));
    if (!newer) return skipWithout('redis-8.2', this);
    await using redis = await startRedis({ binary: newer.path });
    await using site = await stage.siteOf(redis, processOf(redis));
    const failures = (await found(site, 'next start')).filter(({ level }) => level === 'failed');
    assert.deepEqual(failures.length, 1);
    assert.match(failures[0]?.message ?? '', /^main runs as redis 8\.2\.\d+ and would start as redis 7\./);
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
