import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { chmod, chown, mkdir, rmdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startForwarder } from '../../support/forwarder.ts';
import { type RedisServer, startRedis } from '../../support/redis-server.ts';
import { skipWithout } from '../../support/skip-without.ts';
import { until } from '../../support/until.ts';
import { CheckStage, found, processOf } from '../support/check-stage.ts';

const NOBODY = 65_534;

describe('redis-backup check of a server', function () {
  this.timeout(60_000);
  let stage: CheckStage;
  before(async () => {
    stage = await CheckStage.open();
  });
  after(() => stage?.close());

  it('shows the difference of the persistence policy, and mends it with --apply so that a restart keeps it', async () => {
    await using here = await stage.siteWith({ config: { appendonly: 'no', appendfsync: 'always' } });
    assert.deepEqual(await found(here.site, 'policy'), [
      {
        level: 'failed',
        message:
          'the server does not persist as wanted: save: 3600 1 -> 3600 1 300 100 60 10000; appendfsync: always -> everysec; appendonly: no -> yes',
        next: 'Run `redis-backup check main --apply`: CONFIG SET and CONFIG REWRITE, without a restart.',
      },
    ]);
    assert.match(
      (await found(here.site, 'policy', 'check --apply'))[0]?.message ?? '',
      /^applied: .*, and written to its configuration file, which is a new file: who may read it cannot be seen from here/,
    );
    await here.redis.restart();
    assert.deepEqual(await here.redis.command('CONFIG', 'GET', 'appendonly'), ['appendonly', 'yes']);
    assert.equal((await found(here.site, 'policy'))[0]?.level, 'ok');
  });

  it('leaves with --apply who may read redis.conf as it was: Redis writes a new file that all may read', async function () {
    if (process.getuid?.() !== 0) skipWithout('root', this);
    await using redis = await startRedis({ config: { save: '3600 1', appendonly: 'no' } });
    await using site = await stage.siteOf(redis, processOf(redis));
    await chmod(redis.configFile, 0o640);
    await chown(redis.configFile, NOBODY, NOBODY);
    const [finding] = await found(site, 'policy', 'check --apply');
    assert.equal(finding?.level, 'ok');
    assert.match(finding?.message ?? '', /^applied: .*, and written to its configuration file$/);
    const { mode, uid, gid } = await stat(redis.configFile);
    assert.deepEqual([mode & 0o777, uid, gid], [0o640, NOBODY, NOBODY]);
  });

  it('wants the policy that the configuration wants', async () => {
    await using here = await stage.siteWith({ config: { save: '', appendonly: 'no' } }, `policy: { save: '""', appendonly: no }`);
    assert.equal((await found(here.site, 'policy'))[0]?.level, 'ok');
  });

  it('calls nothing wanted that Redis could not write, until it has', async () => {
    const policy = `policy: { save: '3600 1', appendonly: no }`;
    await using here = await stage.siteWith({ config: { save: '3600 1', appendonly: 'no' } }, policy);
    const inTheWay = join(here.redis.dir, 'dump.rdb');
    const saved = async (status: string): Promise<void> => {
      await here.redis.command('BGSAVE');
      const isSo = async () => String(await here.redis.command('INFO', 'persistence')).includes(`last_bgsave_status:${status}`);
      await until(isSo, { what: `a save has ended: ${status}` });
    };
    await mkdir(inTheWay); // nothing can be renamed to it
    await saved('err');
    const [failing, ...more] = await found(here.site, 'policy');
    assert.deepEqual([failing?.level, more], ['failed', []]);
    assert.match(failing?.message ?? '', /^its last save failed: a crash brings back what was written before/);
    await rmdir(inTheWay);
    await saved('ok');
    assert.equal((await found(here.site, 'policy'))[0]?.level, 'ok');
  });

  it('says which commands are disabled or renamed, and what falls with each, unless the configuration names them', async () => {
    const config = { 'rename-command': ['CONFIG ""', 'PSYNC hidden-psync', 'BGSAVE hidden-bgsave'] };
    await using here = await stage.siteWith({ config });
    const [bgsave, config_, psync, ...more] = await found(here.site, 'commands');
    assert.deepEqual([bgsave?.level, config_?.level, psync?.level, more], ['warning', 'warning', 'failed', []]);
    assert.match(
      config_?.message ?? '',
      /^CONFIG is disabled there, .* cannot be done without it: .*restores \(live\).*; else settings are/,
    );
    assert.match(psync?.message ?? '', /cannot be done without it: backups by replication and the continuous log$/);
    assert.match(psync?.next ?? '', /^Remove the rename-command line of PSYNC/);
    assert.match(bgsave?.next ?? '', /instances\.main\.commands: \{ BGSAVE: <name> \}/);
    const named = await stage.siteOf(here.redis, 'commands: { bgsave: hidden-bgsave }');
    assert.deepEqual(
      (await found(named, 'commands')).map(({ level }) => level),
      ['warning', 'failed'],
    );
    await named[Symbol.asyncDispose]();
  });

  it('says how far the clocks are apart', async () => {
    await using here = await stage.siteWith({});
    assert.deepEqual(await found(here.site, 'clock'), [{ level: 'ok', message: 'the clocks agree' }]);
    const [ahead] = await found(here.site, 'clock', 'check', { now: () => Date.now() - 60_000 });
    assert.match(ahead?.message ?? '', /^the server's clock is (60 s|1 min 00 s) ahead of this machine's$/);
    const [behind] = await found(here.site, 'clock', 'check', { now: () => Date.now() + 3_600_000 });
    assert.match(behind?.message ?? '', /^the server's clock is 1 h 00 min behind this machine's$/);
  });

  it('says that it looks at a replica, and whose', async () => {
    await using primary = await startRedis();
    await using here = await stage.siteWith({});
    await here.redis.command('REPLICAOF', '127.0.0.1', String(primary.port));
    const [finding] = await found(here.site, 'topology');
    assert.match(finding?.message ?? '', new RegExp(`^it is a replica of 127.0.0.1:${primary.port}`));
    await here.redis.command('REPLICAOF', 'NO', 'ONE');
    await here.redis.command('CONFIG', 'SET', 'min-replicas-to-write', '1');
    assert.match((await found(here.site, 'topology'))[0]?.message ?? '', /min-replicas-to-write/);
  });

  describe('data classes', () => {
    const fill = (redis: RedisServer, counts: Record<string, number>) =>
      Promise.all(Object.entries(counts).map(([prefix, keys]) => redis.command('DEBUG', 'POPULATE', String(keys), prefix, '1')));

    it('match keys, or are named: their loss must not be reported as nothing', async () => {
      await using here = await stage.siteWith({});
      assert.deepEqual(await found(here.site, 'data classes'), [
        { level: 'ok', message: 'the server holds no keys: nothing to compare the classes with' },
      ]);
      await fill(here.redis, { session: 50, cache: 40, ratelimit: 10, flag: 5 });
      assert.deepEqual(await found(here.site, 'data classes'), [
        {
          level: 'ok',
          message: '4 of 5 match keys of the server; without one now: permissions (short-lived, or in older backups)',
        },
      ]);
      await here.redis.command('SELECT', '3');
      await here.redis.command('SET', 'perm:1', 'x');
      assert.deepEqual(await found(here.site, 'data classes'), [{ level: 'ok', message: 'all 5 match keys of the server' }]);
    });

    it('leave at most a fifth of the keys unnamed', async () => {
      await using here = await stage.siteWith({});
      await fill(here.redis, { session: 20, cache: 20, ratelimit: 20, flag: 10, perm: 9, stray: 21 });
      assert.deepEqual(await found(here.site, 'data classes'), [
        {
          level: 'warning',
          message: '21 of 100 keys of the server (21 %) are of no data class: nobody knows what their loss means',
          next: 'Look at their names (SCAN), and add classes for them.',
        },
        {
          level: 'warning',
          message: 'the server has keys that no data class matches: stray:* (21 keys)',
          next: 'Add a class for each, so that plans and reports say what their loss means.',
        },
      ]);
    });

    it('that hold keys for a day are missed at once, and a kind of key that no class matches is named', async () => {
      await using here = await stage.siteWith({});
      await fill(here.redis, { cache: 5_000, cart: 100 });
      const messages = (await found(here.site, 'data classes')).map(({ message }) => message);
      assert.deepEqual(messages, [
        'no key of the server is of class sessions (session:*): its loss would be reported as nothing',
        'the server has keys that no data class matches: cart:* (100 keys)',
      ]);
    });

    it('are looked for in a sample of a large server, and nowhere when the user may not look', async () => {
      await using here = await stage.siteWith({ users: { backup: 'on nopass +@all -scan' } });
      await fill(here.redis, { session: 30_000 });
      const all = await found(here.site, 'data classes');
      assert.match(all[0]?.message ?? '', /^1 of 5 match keys of a sample of 1\d,\d{3} keys; without one now: apiCache, /);
      await writeFile(
        here.site.configFile,
        `repository: { url: "file://${here.site.dir}" }\ninstances: { main: { url: "redis://127.0.0.1:${here.redis.port}", username: backup, password: { file: any } } }`,
      );
      await writeFile(join(here.site.dir, 'any'), 'any');
      assert.deepEqual(await found(here.site, 'data classes'), []);
    });
  });

  describe('the platform', () => {
    it('is found: process, directory, room and identity', async () => {
      await using here = await stage.siteWith({});
      await using same = await stage.siteOf(here.redis, processOf(here.redis));
      const [running] = await found(same, 'platform');
      assert.equal(running?.level, 'ok');
      assert.ok(running?.message.endsWith(`runs as process ${here.redis.pid}`), running?.message);
      assert.equal((await found(same, 'data directory'))[0]?.level, 'ok');
      assert.deepEqual(await found(same, 'identity'), []);
      const [place] = await found(same, 'place');
      assert.equal(place?.level, 'warning');
      assert.equal(place?.next, 'Run `redis-backup worker` on here, with worker.host: here.');
    });

    it('has a log that can be read, or a recovery would not know what its Redis says', async () => {
      await using here = await stage.siteWith({});
      await using same = await stage.siteOf(here.redis, processOf(here.redis));
      assert.deepEqual(await found(same, 'log'), []);
      rmSync(here.redis.logFile);
      const [finding] = await found(same, 'log');
      assert.equal(finding?.level, 'warning');
      assert.match(finding?.next ?? '', /^Set `logfile`/);
    });

    it('is the same Redis behind something that has another port, once its own is named', async () => {
      await using redis = await startRedis({ config: { save: '3600 1' } });
      await using before = await startForwarder();
      before.pointTo(redis.port);
      const wrong = await stage.siteOf(before, processOf(redis));
      const [other] = await found(wrong, 'platform');
      assert.match(other?.next ?? '', /say where it listens itself by platform\.port/);
      await wrong[Symbol.asyncDispose]();
      const right = await stage.siteOf(before, processOf(redis).replace('type: process,', `type: process, port: ${redis.port},`));
      assert.deepEqual(
        (await found(right, 'platform')).map(({ level }) => level),
        ['ok'],
      );
      assert.deepEqual(await found(right, 'identity'), []);
      await right[Symbol.asyncDispose]();
    });

    it('is another Redis than the one that answers', async () => {
      await using here = await stage.siteWith({});
      await using other = await startRedis({ config: { port: String(here.redis.port) }, until: 'started' });
      await other.kill('SIGKILL');
      await using mixed = await stage.siteOf(here.redis, processOf(other));
      const [finding] = await found(mixed, 'identity');
      assert.equal(finding?.level, 'failed');
      assert.match(
        finding?.message ?? '',
        /^the server that answers is another one: it keeps its data in \S+, and the configuration file says \S+$/,
      );
    });

    it('is changed by --apply only where it is the Redis that answers', async () => {
      await using here = await stage.siteWith({ config: { appendonly: 'no' } });
      await using other = await startRedis({ config: { port: String(here.redis.port) }, until: 'started' });
      await other.kill('SIGKILL');
      await using mixed = await stage.siteOf(here.redis, processOf(other));
      const { findings } = await mixed.json<{ findings: { check: string; message: string }[] }>('check --apply');
      assert.deepEqual(
        findings.filter(({ check }) => check === 'apply').map(({ message }) => message),
        ['nothing was changed for main: the Redis that answers may be another one'],
      );
      assert.deepEqual(await here.redis.command('CONFIG', 'GET', 'appendonly'), ['appendonly', 'no']);
    });

    it('has no configuration file that can be read', async () => {
      await using here = await stage.siteWith(
        {},
        'platform: { type: process, configFile: /nowhere/redis.conf, start: { command: [redis-server, /nowhere/redis.conf] } }',
      );
      const [finding] = await found(here.site, 'platform');
      assert.equal(finding?.level, 'failed');
      assert.match(finding?.message ?? '', /\/nowhere\/redis\.conf/);
    });

    it('is looked at on its own machine only', async () => {
      await using here = await stage.siteWith(
        {},
        'platform: { type: process, host: db7, configFile: /c, start: { systemd: redis.service } }',
      );
      assert.deepEqual(await found(here.site, 'platform'), [
        { level: 'ok', message: 'it runs on db7: run `redis-backup check main` there to look at it and its files' },
      ]);
    });
  });
});
