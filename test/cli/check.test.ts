import assert from 'node:assert/strict';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Finding } from '../../cli/check/finding.ts';
import { MINIMUM_ACL } from '../../redis/acl.ts';
import { findBinary } from '../support/binaries.ts';
import { isAtLeast, redisBinaries } from '../support/redis-binaries.ts';
import { type RedisOptions, type RedisServer, startRedis } from '../support/redis-server.ts';
import { freePort, startTemporal, type TemporalServer } from '../support/temporal.ts';
import { until } from '../support/until.ts';
import { type Options, openSite, type Site } from './support/command.ts';

const POLICY = { save: '3600 1 300 100 60 10000', appendonly: 'yes', appendfsync: 'everysec' };

interface Result {
  ok: number;
  warnings: number;
  failed: number;
  findings: Finding[];
}

describe('redis-backup check, against the real thing', function () {
  this.timeout(60_000);
  let temporal: TemporalServer;
  before(async () => {
    temporal = await startTemporal({ withSearchAttributes: false });
  });
  after(() => temporal?.stop());

  /** A Redis, and a configuration that names it. @param instance - more fields of the instance, as YAML */
  async function siteWith(options: RedisOptions, instance = '', { address = temporal.address, worker = '' } = {}) {
    const redis = await startRedis({ ...options, config: { save: '3600 1', ...options.config } });
    const url = `redis://127.0.0.1:${redis.port}`;
    const site = await openSite(
      `temporal: { address: "${address}" }\nworker: { host: here${worker && `, ${worker}`} }\ninstances: { main: { url: "${url}"${instance && `, ${instance}`} } }`,
    );
    const close = async () => {
      await site[Symbol.asyncDispose]();
      await redis[Symbol.asyncDispose]();
    };
    return { redis, site, [Symbol.asyncDispose]: close };
  }

  const processOf = (redis: Pick<RedisServer, 'configFile'>) =>
    `platform: { type: process, configFile: "${redis.configFile}", start: { command: ["${findBinary('redis-server')}", "${redis.configFile}"] } }`;

  /** The findings of one check, without those of others. */
  async function found(
    site: Site,
    check: string,
    args = 'check',
    options?: Options,
  ): Promise<Omit<Finding, 'check' | 'instance'>[]> {
    const { findings } = await site.json<Result>(args, options);
    return findings
      .filter((one) => one.check === check)
      .map(({ level, message, next }) => ({ level, message, ...(next ? { next } : {}) }));
  }

  it('says that nobody watches, where that is configured', async () => {
    await using here = await siteWith({ config: POLICY }, 'watch: {}');
    const next = 'Run `redis-backup watch main`.';
    assert.deepEqual(await found(here.site, 'watcher'), [
      { level: 'failed', message: 'watch/main does not run: nobody notices an outage', next },
    ]);
  });

  describe('of what a recovery will ask', () => {
    it('looks at each replica that is named', async () => {
      await using here = await siteWith({ config: POLICY }, 'recovery: { replicas: [] }');
      await using other = await startRedis();
      await using replica = await startRedis({ config: { replicaof: `127.0.0.1 ${here.redis.port}` } });
      await until(async () => String(await replica.command('INFO', 'replication')).includes('master_link_status:up'), {
        what: 'the replica follows',
      });
      const closed = await freePort();
      const addresses = [replica.port, other.port, closed].map((port) => `127.0.0.1:${port}`);
      const text = await readFile(here.site.configFile, 'utf8');
      await writeFile(
        here.site.configFile,
        text.replace('replicas: []', `replicas: [${addresses.map((one) => `"${one}"`).join(', ')}]`),
      );
      const [first, second, third] = await found(here.site, 'replicas');
      assert.deepEqual([first?.level, first?.message], ['ok', `127.0.0.1:${replica.port} is a replica with 0 keys`]);
      assert.deepEqual([second?.level, third?.level], ['warning', 'warning']);
      assert.match(second?.message ?? '', /is a primary: it has no copy of this data/);
      assert.match(third?.message ?? '', /does not answer: nothing listens there/);
    });

    it('asks for the rate of sign-ins, and says why it is not known', async () => {
      const source = `{ kind: http, url: "http://127.0.0.1:${await freePort()}", field: rate }`;
      await using here = await siteWith({ config: POLICY }, `recovery: { authentication: ${source} }`);
      const [finding, ...more] = await found(here.site, 'sign-ins');
      assert.deepEqual(more, []);
      assert.equal(finding?.level, 'warning');
      assert.match(
        finding?.message ?? '',
        /^the rate of authentication requests is not known: .* cannot be asked: ECONNREFUSED$/,
      );
    });

    it('wants the token of the webhook, and somebody who does something with an alert', async () => {
      const worker = 'webhook: { port: 9911, token: { env: CHECK_TEST_TOKEN } }';
      await using here = await siteWith({ config: POLICY }, 'watch: {}', { worker });
      const [missing] = await found(here.site, 'webhook');
      assert.equal(missing?.level, 'failed');
      assert.match(missing?.message ?? '', /CONFIG_INVALID: .*CHECK_TEST_TOKEN, which is not set/);
      await using there = await siteWith({ config: POLICY }, '', { worker: worker.replace('CHECK_TEST_TOKEN', 'PATH') });
      const [useless] = await found(there.site, 'webhook');
      assert.match(useless?.message ?? '', /no instance has `watch`/);
    });
  });

  describe('of the continuous log', () => {
    it('looks at nothing where none is configured', async () => {
      await using here = await siteWith({ config: POLICY });
      for (const check of ['archive', 'archiver', 'backlog']) assert.deepEqual(await found(here.site, check), []);
    });

    it('says that nobody archives', async () => {
      await using here = await siteWith({ config: POLICY }, 'archive: {}');
      assert.deepEqual(await found(here.site, 'archiver'), [
        {
          level: 'failed',
          message: 'archive/main does not run: nothing is archived',
          next: 'Run `redis-backup archive main`.',
        },
      ]);
    });

    it('proposes a backlog for two minutes of the writes that it measures, with the memory that it takes', async () => {
      await using here = await siteWith({ config: { ...POLICY, maxmemory: '1gb' } }, 'archive: {}');
      await using replica = await startRedis({ config: { replicaof: `127.0.0.1 ${here.redis.port}` } });
      await until(async () => String(await replica.command('INFO', 'replication')).includes('master_link_status:up'), {
        what: 'somebody follows, so there is a backlog',
      });
      let writing = true;
      const writer = await here.redis.client();
      const written = (async () => {
        while (writing) await writer.command('SET', 'k', 'x'.repeat(100_000));
      })();
      const [finding] = await found(here.site, 'backlog');
      writing = false;
      await written;
      assert.equal(finding?.level, 'warning');
      assert.match(finding?.message ?? '', /repl-backlog-size 1\.0 MB is overrun in/);
      assert.match(
        finding?.next ?? '',
        /Set repl-backlog-size to \d+ \(.* of memory, which counts against maxmemory \(1\.1 GB\)\)/,
      );
    });

    it('refuses to be counted by min-replicas-to-write, unless that is accepted', async () => {
      const config = { ...POLICY, 'min-replicas-to-write': '1' };
      await using refused = await siteWith({ config }, 'archive: {}');
      const [finding] = await found(refused.site, 'archive');
      assert.equal(finding?.level, 'failed');
      assert.match(finding?.message ?? '', /would count the archiver as one of these replicas/);
      await using accepted = await siteWith({ config }, 'archive: { allowMinReplicas: true }');
      assert.deepEqual(await found(accepted.site, 'archive'), []);
    });
  });

  it('prints what it found and what to do, and exits with 60 when anything failed', async () => {
    await using here = await siteWith({ config: POLICY });
    const { code, stdout, stderr } = await here.site.run('check');
    assert.equal(code, 60);
    assert.equal(stderr, '');
    const lines = stdout.trimEnd().split('\n');
    assert.equal(lines[0], `ok       configuration: ${here.site.configFile} is well-formed`);
    assert.equal(lines[1], `ok       repository: file://${here.site.dir} can be written, read, listed and deleted`);
    assert.ok(lines.includes(`ok       temporal: Temporal at ${temporal.address} answers, namespace default`));
    assert.ok(
      lines.includes(
        `ok       main redis: redis://127.0.0.1:${here.redis.port} answers: redis ${here.redis.binary.version}, primary`,
      ),
      stdout,
    );
    assert.ok(
      lines.includes('ok       main policy: save "3600 1 300 100 60 10000", appendonly yes, appendfsync everysec, as wanted'),
    );
    assert.ok(lines.includes('failed   main schedule: there is no schedule redis-backup-main: nobody takes backups'));
    assert.ok(lines.includes('         next: Run `redis-backup schedules main`.'));
    assert.match(lines.at(-1) ?? '', /^\d+ ok, \d+ warnings?, \d+ failed$/);
  });

  it('says that session tokens are stored without encryption, and that none is available yet', async () => {
    await using here = await siteWith({});
    assert.deepEqual(await found(here.site, 'encryption'), [
      {
        level: 'warning',
        message: `live credentials (sessions of main) are stored without encryption by us: who can read file://${here.site.dir} can use them`,
        next: 'Encryption by redis-backup is not available in this version: let the store encrypt (SSE-KMS, an encrypted disk), allow few people to read it, and keep backups for a short time.',
      },
    ]);
  });

  it('names the search attributes that are missing, and registers them with --apply', async () => {
    await using here = await siteWith({ config: POLICY });
    const [before] = await found(here.site, 'search attributes');
    assert.equal(before?.level, 'failed');
    assert.match(before?.message ?? '', /^the namespace default lacks RedisInstance, RedisOperation, RedisPhase, RedisOutcome/);
    assert.equal((await found(here.site, 'search attributes', 'check --apply'))[0]?.level, 'ok');
    assert.equal((await found(here.site, 'search attributes'))[0]?.level, 'ok');
  });

  it('shows the difference of the persistence policy, and mends it with --apply so that a restart keeps it', async () => {
    await using here = await siteWith({ config: { appendonly: 'no', appendfsync: 'always' } });
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
      /^applied: .*, and written to its configuration file$/,
    );
    await here.redis.restart();
    assert.deepEqual(await here.redis.command('CONFIG', 'GET', 'appendonly'), ['appendonly', 'yes']);
    assert.equal((await found(here.site, 'policy'))[0]?.level, 'ok');
  });

  it('wants the policy that the configuration wants', async () => {
    await using here = await siteWith({ config: { save: '', appendonly: 'no' } }, `policy: { save: '""', appendonly: no }`);
    assert.equal((await found(here.site, 'policy'))[0]?.level, 'ok');
  });

  describe('permissions', () => {
    const asBackup = 'username: backup, password: { env: CHECK_TEST_PASSWORD }';
    before(() => {
      process.env.CHECK_TEST_PASSWORD = 'hunter2';
    });
    after(() => {
      delete process.env.CHECK_TEST_PASSWORD;
    });
    const MINIMUM = '+ping +replconf +info +config|get +time +module|list';

    it('names each rule that an ACL user lacks, by asking ACL DRYRUN', async () => {
      await using here = await siteWith({ users: { backup: `on >hunter2 ${MINIMUM} -time +acl|dryrun` } }, asBackup);
      assert.deepEqual(await found(here.site, 'permissions'), [
        {
          level: 'failed',
          message: 'user "backup" lacks +psync (backups), +time (backups)',
          next: 'Run in Redis: ACL SETUSER backup +psync +time (and ACL SAVE or CONFIG REWRITE to keep it).',
        },
      ]);
    });

    it('says what it cannot know of a user who may not even ask', async () => {
      await using here = await siteWith({ users: { backup: `on >hunter2 ${MINIMUM} +psync -module|list` } }, asBackup);
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

    it('wants what restores need only where restores are possible', async () => {
      const users = { backup: `on >hunter2 ${MINIMUM} +psync +acl|dryrun` };
      await using here = await siteWith({ users }, asBackup);
      assert.equal((await found(here.site, 'permissions'))[0]?.level, 'ok');
      await using there = await siteWith(
        { users },
        `${asBackup}, platform: { type: process, configFile: /etc/redis.conf, start: { systemd: redis.service } }`,
      );
      assert.equal(
        (await found(there.site, 'permissions'))[0]?.message,
        'user "backup" lacks +shutdown (restores), +save (restores)',
      );
    });

    describe('of the other ways to restore, where the configuration makes them possible', () => {
      const { backup, live, merge, restore } = MINIMUM_ACL;
      const may = (...rules: string[]) => `on >hunter2 -@all ${rules.join(' ')} +acl|dryrun`;
      const asUser = (username: string) => `username: ${username}, password: { env: CHECK_TEST_PASSWORD }`;

      it('are enough when a user has exactly those, and each that it lacks is a warning', async () => {
        const all: string[] = [...backup, ...live, ...merge];
        const lacking = Object.fromEntries(
          all.map((rule, index) => [`lacks${index}`, may(...all.filter((other) => other !== rule))]),
        );
        await using here = await siteWith({ users: { whole: may(...all), ...lacking } }, asUser('whole'), { worker: 'live: {}' });
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
        await using here = await siteWith({ users }, asUser('some'), { worker: 'live: {}' });
        const [finding] = await found(here.site, 'permissions');
        const lacks = (rule: string) => `${rule} (restores of some data classes)`;
        const message = `user "some" lacks ~__probe:* (live restores), ${['+ping', '+select', '+scan', '+restore', '~*'].map(lacks).join(', ')}`;
        assert.deepEqual([finding?.level, finding?.message], ['warning', message]);
        await here.redis.command('ACL', 'SETUSER', ...(finding?.next?.split(' (')[0]?.split(' ').slice(5) ?? []));
        assert.equal((await found(here.site, 'permissions'))[0]?.level, 'ok');
      });

      it('are asked of a Redis that restores can stop and start, and not of one that is only backed up', async () => {
        const users = { some: may(...backup, ...restore) };
        await using here = await siteWith({ users }, asUser('some'));
        assert.equal((await found(here.site, 'permissions'))[0]?.level, 'ok');
        await using there = await siteWith(
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

    for (const binary of redisBinaries()) {
      const knows = isAtLeast(binary, 7);
      it(`${knows ? 'asks' : 'tries what is harmless, and names the rest, on'} ${binary.product} ${binary.version}`, async () => {
        await using here = await siteWith({ binary: binary.path });
        assert.equal((await found(here.site, 'permissions'))[0]?.level, knows ? 'ok' : 'warning');
      });
    }

    it('says that the password is wrong, without showing it, and goes on with the other checks', async () => {
      await using here = await siteWith({ users: { backup: `on >another ${MINIMUM}` } }, asBackup);
      const { findings } = await here.site.json<Result>('check');
      const [finding] = findings.filter(({ check }) => check === 'redis');
      assert.match(finding?.message ?? '', /^REDIS_AUTH_FAILED: .* refused user "backup"/);
      assert.ok(!JSON.stringify(findings).includes('hunter2'));
      assert.ok(findings.some(({ check }) => check === 'schedule'));
    });
  });

  it('says that Redis does not answer, that the secret is missing, that Temporal is down: each for itself', async () => {
    const address = `127.0.0.1:${await freePort()}`;
    await using site = await openSite(`temporal: { address: "${address}" }
instances:
  down: { url: "redis://127.0.0.1:${await freePort()}" }
  locked: { url: redis://127.0.0.1:1, password: { env: NO_SUCH_SECRET } }`);
    const { findings, code } = await site.json<Result>('check');
    assert.equal(code, 60);
    const failed = findings
      .filter(({ level }) => level === 'failed')
      .map(({ check, instance, message }) => `${instance ?? ''} ${check} ${message.split(':')[0]}`);
    assert.deepEqual(failed, [' temporal TEMPORAL_UNREACHABLE', 'down redis REDIS_UNREACHABLE', 'locked redis CONFIG_INVALID']);
  });

  it('says that the repository cannot be used', async () => {
    await using here = await siteWith({});
    await rm(here.site.dir, { recursive: true });
    await mkdir(here.site.dir);
    await writeFile(
      here.site.configFile,
      `repository: { url: "file://${here.site.dir}/gone" }\ninstances: { main: { url: "redis://127.0.0.1:${here.redis.port}" } }`,
    );
    const [finding] = await found(here.site, 'repository');
    assert.equal(finding?.level, 'failed');
    assert.match(finding?.message ?? '', /^STORE_MISSING: /);
  });

  it('says how far the clocks are apart', async () => {
    await using here = await siteWith({});
    assert.deepEqual(await found(here.site, 'clock'), [{ level: 'ok', message: 'the clocks agree' }]);
    const [ahead] = await found(here.site, 'clock', 'check', { now: () => Date.now() - 60_000 });
    assert.match(ahead?.message ?? '', /^the server's clock is (60 s|1 min 00 s) ahead of this machine's$/);
    const [behind] = await found(here.site, 'clock', 'check', { now: () => Date.now() + 3_600_000 });
    assert.match(behind?.message ?? '', /^the server's clock is 1 h 00 min behind this machine's$/);
  });

  it('says that it looks at a replica, and whose', async () => {
    await using primary = await startRedis();
    await using here = await siteWith({});
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
      await using here = await siteWith({});
      assert.deepEqual(await found(here.site, 'data classes'), [
        { level: 'ok', message: 'the server holds no keys: nothing to compare the classes with' },
      ]);
      await fill(here.redis, { session: 50, cache: 40, ratelimit: 10, flag: 5 });
      assert.deepEqual(await found(here.site, 'data classes'), [
        {
          level: 'warning',
          message: 'no key of the server is of class permissions (perm:*): its loss would be reported as nothing',
          next: 'Is "perm:*" how the application names its keys? Correct or remove the class.',
        },
      ]);
      await here.redis.command('SELECT', '3');
      await here.redis.command('SET', 'perm:1', 'x');
      assert.deepEqual(await found(here.site, 'data classes'), [{ level: 'ok', message: 'all 5 match keys of the server' }]);
    });

    it('leave at most a fifth of the keys unnamed', async () => {
      await using here = await siteWith({});
      await fill(here.redis, { session: 20, cache: 20, ratelimit: 20, flag: 10, perm: 9, stray: 21 });
      assert.deepEqual(await found(here.site, 'data classes'), [
        {
          level: 'warning',
          message: '21 of 100 keys of the server (21 %) are of no data class: nobody knows what their loss means',
          next: 'Look at their names (SCAN), and add classes for them.',
        },
      ]);
    });

    it('are looked for in a sample of a large server, and nowhere when the user may not look', async () => {
      await using here = await siteWith({ users: { backup: 'on nopass +@all -scan' } });
      await fill(here.redis, { session: 30_000 });
      const all = await found(here.site, 'data classes');
      assert.match(all[0]?.message ?? '', /^no key of a sample of 1\d,\d{3} keys is of class apiCache/);
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
      await using here = await siteWith({});
      await using same = await openSite(
        `temporal: { address: "${temporal.address}" }\nworker: { host: here }\ninstances: { main: { url: "redis://127.0.0.1:${here.redis.port}", ${processOf(here.redis)} } }`,
      );
      const [running] = await found(same, 'platform');
      assert.equal(running?.level, 'ok');
      assert.ok(running?.message.endsWith(`runs as process ${here.redis.pid}`), running?.message);
      assert.equal((await found(same, 'data directory'))[0]?.level, 'ok');
      assert.deepEqual(await found(same, 'identity'), []);
      const [place] = await found(same, 'place');
      assert.equal(place?.level, 'warning');
      assert.equal(place?.next, 'Run `redis-backup worker` on here, with worker.host: here.');
    });

    it('is another Redis than the one that answers', async () => {
      await using here = await siteWith({});
      await using other = await startRedis({ config: { port: String(here.redis.port) }, until: 'started' });
      await other.kill('SIGKILL');
      await using mixed = await openSite(
        `worker: { host: here }\ntemporal: { address: "${temporal.address}" }\ninstances: { main: { url: "redis://127.0.0.1:${here.redis.port}", ${processOf(other)} } }`,
      );
      const [finding] = await found(mixed, 'identity');
      assert.equal(finding?.level, 'failed');
      assert.match(finding?.message ?? '', /^the server that answers keeps its data in .*: is it another Redis\?$/);
    });

    it('has no configuration file that can be read', async () => {
      await using here = await siteWith(
        {},
        'platform: { type: process, configFile: /nowhere/redis.conf, start: { command: [redis-server, /nowhere/redis.conf] } }',
      );
      const [finding] = await found(here.site, 'platform');
      assert.equal(finding?.level, 'failed');
      assert.match(finding?.message ?? '', /\/nowhere\/redis\.conf/);
    });

    it('is looked at on its own machine only', async () => {
      await using here = await siteWith(
        {},
        'platform: { type: process, host: db7, configFile: /c, start: { systemd: redis.service } }',
      );
      assert.deepEqual(await found(here.site, 'platform'), [
        { level: 'ok', message: 'it runs on db7: run `redis-backup check main` there to look at its process and files' },
      ]);
    });
  });

  it('says that the schedule differs or is paused', async () => {
    await using here = await siteWith({ config: POLICY });
    await here.site.run('schedules');
    assert.deepEqual(await found(here.site, 'schedule'), [{ level: 'ok', message: 'redis-backup-main runs every 6 h 00 min' }]);
    const handle = (await temporal.client()).schedule.getHandle('redis-backup-main');
    await handle.pause('moving house');
    await handle.update((one) => ({ ...one, policies: { ...one.policies, pauseOnFailure: true } }));
    const all = await found(here.site, 'schedule');
    assert.deepEqual(
      all.map(({ level, message }) => `${level} ${message}`),
      [
        'failed redis-backup-main is paused ("moving house"): nobody takes backups',
        'warning redis-backup-main differs from the configuration: pause on failure: yes -> no',
      ],
    );
    await handle.delete();
  });
});
