import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import type { SnapshotManifest } from '../../../model/backup/manifest.ts';
import { backupIdAt } from '../../../model/instance.ts';
import { MINIMUM_ACL } from '../../../redis/acl.ts';
import { sampleManifest } from '../../fixtures/manifest.ts';
import { isAtLeast, redisBinaries } from '../../support/redis-binaries.ts';
import { type CheckResult, CheckStage, found } from '../support/check-stage.ts';

describe('redis-backup check of the permissions of its user', function () {
  this.timeout(60_000);
  let stage: CheckStage;
  before(async () => {
    process.env.CHECK_TEST_PASSWORD = 'hunter2';
    stage = await CheckStage.open();
  });
  after(async () => {
    delete process.env.CHECK_TEST_PASSWORD;
    await stage?.close();
  });

  const asBackup = 'username: backup, password: { env: CHECK_TEST_PASSWORD }';
  const MINIMUM = '+ping +replconf +info +config|get +time +module|list';

  it('names each rule that an ACL user lacks, by asking ACL DRYRUN', async () => {
    await using here = await stage.siteWith({ users: { backup: `on >hunter2 ${MINIMUM} -time +acl|dryrun` } }, asBackup);
    assert.deepEqual(await found(here.site, 'permissions'), [
      {
        level: 'failed',
        message: 'user "backup" lacks +psync (backups), +time (backups)',
        next: 'Run in Redis: ACL SETUSER backup +psync +time (and ACL SAVE or CONFIG REWRITE to keep it).',
      },
    ]);
  });

  it('says what it cannot know of a user who may not even ask', async () => {
    await using here = await stage.siteWith({ users: { backup: `on >hunter2 ${MINIMUM} +psync -module|list` } }, asBackup);
    const [finding] = await found(here.site, 'permissions');
    assert.equal(finding?.message, 'user "backup" lacks +module|list (backups)');
    await here.redis.command('ACL', 'SETUSER', 'backup', '+module|list');
    const [second] = await found(here.site, 'permissions');
    assert.equal(second?.level, 'warning');
    assert.equal(
      second?.message,
      'user "backup" could not be asked about +psync (backups): nothing harmless shows whether it is permitted',
    );
  });

  it('knows what nobody could be asked about and a backup by the same user has proven, and when', async () => {
    await using here = await stage.siteWith({ users: { backup: `on >hunter2 ${MINIMUM} +psync` } }, asBackup);
    const runId = String(await here.redis.command('INFO', 'server')).match(/run_id:(\w+)/)?.[1] ?? '';
    const taken = (agoMs: number, parts: Partial<SnapshotManifest>, runs = runId) => {
      const at = Date.now() - agoMs;
      const sample = sampleManifest();
      const times = { ...sample.times, takenAt: new Date(at).toISOString(), finishedAt: new Date(at + 1000).toISOString() };
      return sampleManifest({ backupId: backupIdAt(at), times, server: { ...sample.server, runId: runs }, ...parts });
    };
    const isUnknown = async () => {
      const [finding, ...more] = await found(here.site, 'permissions');
      assert.deepEqual(more, []);
      assert.match(finding?.message ?? '', /^user "backup" could not be asked about \+psync \(backups\): nothing harmless/);
    };
    await here.site.publish(
      taken(90_000, { takenAs: 'another' }),
      taken(80_000, { takenAs: 'backup', method: 'bgsave' }),
      taken(70_000, { takenAs: 'backup' }, 'f'.repeat(40)),
      taken(60_000, {}),
    );
    await isUnknown();
    const proof = taken(40_000, { takenAs: 'backup' });
    await here.site.publish(proof);
    const [finding, ...more] = await found(here.site, 'permissions');
    assert.deepEqual([finding?.level, more], ['ok', []]);
    assert.ok(
      finding?.message.startsWith(
        `user "backup" may do all that is needed; +psync (backups) is proven by use: backup ${proof.backupId} was taken by it`,
      ),
      finding?.message,
    );
    assert.match(finding?.message ?? '', / UTC, 4\d s ago$/);
    await here.redis.command('ACL', 'SETUSER', 'backup', '-module|list');
    const others = await found(here.site, 'permissions');
    assert.deepEqual(
      others.map(({ level, message }) => [level, message.slice(0, 40)]),
      [
        ['ok', 'of user "backup": +psync (backups) is pr'],
        ['failed', 'user "backup" lacks +module|list (backup'],
      ],
    );
  });

  it('wants what restores need only where restores are possible', async () => {
    const users = { backup: `on >hunter2 ${MINIMUM} +psync +acl|dryrun` };
    await using here = await stage.siteWith({ users }, asBackup);
    assert.equal((await found(here.site, 'permissions'))[0]?.level, 'ok');
    await using there = await stage.siteWith(
      { users },
      `${asBackup}, platform: { type: process, configFile: /etc/redis.conf, start: { systemd: redis.service } }`,
    );
    assert.equal(
      (await found(there.site, 'permissions'))[0]?.message,
      'user "backup" lacks +shutdown (restores), +save (restores)',
    );
  });

  describe('of the other ways to restore, where the configuration makes them possible', () => {
    const { backup, live, merge, mergeOfFunctions, restore } = MINIMUM_ACL;
    const may = (...rules: string[]) => `on >hunter2 -@all ${rules.join(' ')} +acl|dryrun`;
    const asUser = (username: string) => `username: ${username}, password: { env: CHECK_TEST_PASSWORD }`;

    it('are enough when a user has exactly those, and each that it lacks is a warning', async () => {
      const all: string[] = [...backup, ...live, ...merge, ...mergeOfFunctions];
      const lacking = Object.fromEntries(
        all.map((rule, index) => [`lacks${index}`, may(...all.filter((other) => other !== rule))]),
      );
      await using here = await stage.siteWith({ users: { whole: may(...all), ...lacking } }, asUser('whole'), {
        worker: 'live: {}',
      });
      assert.equal((await found(here.site, 'permissions'))[0]?.level, 'ok');
      for (const [index, rule] of all.entries()) {
        if (rule === '~__probe:*') continue; // ~* has it, too
        const text = await readFile(here.site.configFile, 'utf8');
        await writeFile(here.site.configFile, text.replace(/username: \w+/, `username: lacks${index}`));
        const [finding, ...more] = await found(here.site, 'permissions');
        assert.deepEqual(more, []);
        assert.equal(finding?.level, (backup as readonly string[]).includes(rule) ? 'failed' : 'warning', rule);
        assert.ok(finding?.message.startsWith(`user "lacks${index}" lacks ${rule} (`), finding?.message);
      }
    });

    it('name the keys that a live restore needs, and those of a merge, apart from each other', async () => {
      const users = { some: may(...backup, ...live.filter((rule) => rule !== '~__probe:*'), '~session:*') };
      await using here = await stage.siteWith({ users }, asUser('some'), { worker: 'live: {}' });
      const [finding] = await found(here.site, 'permissions');
      const lacks = (rule: string) => `${rule} (restores of some data classes)`;
      const lacked = ['+ping', '+select', '+scan', '+restore', '+memory|usage', '~*'].map(lacks).join(', ');
      const functions = '+function|list (bringing functions back), +function|load (bringing functions back)';
      const message = `user "some" lacks ~__probe:* (live restores), ${lacked}, ${functions}`;
      assert.deepEqual([finding?.level, finding?.message], ['warning', message]);
      await here.redis.command('ACL', 'SETUSER', ...(finding?.next?.split(' (')[0]?.split(' ').slice(5) ?? []));
      assert.equal((await found(here.site, 'permissions'))[0]?.level, 'ok');
    });

    it('are asked of a Redis that restores can stop and start, and not of one that is only backed up', async () => {
      const users = { some: may(...backup, ...restore) };
      await using here = await stage.siteWith({ users }, asUser('some'));
      assert.equal((await found(here.site, 'permissions'))[0]?.level, 'ok');
      await using there = await stage.siteWith(
        { users },
        `${asUser('some')}, dataClasses: [], platform: { type: process, configFile: /etc/redis.conf, start: { command: [redis-server] } }`,
      );
      const [finding, ...more] = await found(there.site, 'permissions');
      assert.deepEqual(more, []);
      assert.equal(finding?.level, 'warning');
      assert.match(finding?.message ?? '', /\+replicaof \(live restores\)/);
      assert.doesNotMatch(finding?.message ?? '', /data classes/);
    });
  });

  describe('print a line that Redis accepts, after which nothing is missing', () => {
    const PROCESS = 'platform: { type: process, configFile: /etc/redis.conf, start: { systemd: redis.service } }';
    for (const [what, rights] of Object.entries({
      'of a user who may do nothing': '-@all +ping',
      'of one who may do nothing, with all keys': '-@all +ping ~*',
      'of one who has some keys': '-@all +ping +get +acl|dryrun ~session:*',
      'of one who has all keys': '-@all +ping +get +info +config ~*',
      'of one who may do nearly all': '+@all -replicaof -function -setrange ~session:*',
    }))
      it(what, async () => {
        await using here = await stage.siteWith(
          { users: { backup: `on >hunter2 resetkeys ${rights}` } },
          `${asBackup}, ${PROCESS}`,
        );
        const [finding] = await found(here.site, 'permissions');
        const line = /^(?:Run in Redis|Permit it): (ACL SETUSER backup [^(;]*)/.exec(finding?.next ?? '')?.[1]?.trim() ?? '';
        assert.notEqual(line, '', JSON.stringify(finding));
        assert.equal(String(await here.redis.command(...(line.split(' ') as [string, ...string[]]))), 'OK');
        assert.deepEqual((await found(here.site, 'permissions')).map(({ level }) => level), ['ok'], line); // biome-ignore format: one line
      });
  });

  for (const binary of redisBinaries()) {
    const knows = isAtLeast(binary, 7);
    it(`${knows ? 'asks' : 'tries what is harmless, and names the rest, on'} ${binary.product} ${binary.version}`, async () => {
      await using here = await stage.siteWith({ binary: binary.path });
      assert.equal((await found(here.site, 'permissions'))[0]?.level, knows ? 'ok' : 'warning');
    });
  }

  it('says that the password is wrong, without showing it, and goes on with the other checks', async () => {
    await using here = await stage.siteWith({ users: { backup: `on >another ${MINIMUM}` } }, asBackup);
    const { findings } = await here.site.json<CheckResult>('check');
    const [finding] = findings.filter(({ check }) => check === 'redis');
    assert.match(finding?.message ?? '', /^REDIS_AUTH_FAILED: .* refused user "backup"/);
    assert.ok(!JSON.stringify(findings).includes('hunter2'));
    assert.ok(findings.some(({ check }) => check === 'schedule'));
  });
});
