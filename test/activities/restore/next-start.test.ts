import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { chownSync, copyFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { appendFile, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { lookAtNextStart } from '../../../activities/restore/next-start.ts';
import type { NextStart, NextStarted } from '../../../model/restore/next-start.ts';
import { startRefusals } from '../../../model/restore/plan/next-start.ts';
import { openProcessPlatform } from '../../../platforms/process/process-platform.ts';
import { openRedis } from '../../../redis/client/client.ts';
import { killAtTheEnd } from '../../support/processes.ts';
import { redisBinaries } from '../../support/redis-binaries.ts';
import { type RedisOptions, type RedisServer, startRedis } from '../../support/redis-server.ts';
import { skipWithout } from '../../support/skip-without.ts';
import { until } from '../../support/until.ts';

describe('What the next start of a Redis would be', function () {
  this.timeout(60_000);

  async function look(
    redis: RedisServer,
    { password = redis.connection.password, args = [] as string[], program = redis.binary.path } = {},
  ): Promise<NextStart> {
    const platform = openProcessPlatform({
      start: { command: [program, redis.configFile, ...args], cwd: dirname(redis.configFile) },
      port: redis.port,
    });
    const connection = { ...redis.connection, ...(password === undefined ? {} : { password }) };
    using living = await openRedis(connection);
    return await lookAtNextStart(platform, connection, living);
  }
  async function started(redis: RedisServer, options?: Parameters<typeof look>[1]): Promise<NextStarted> {
    const next = await look(redis, options);
    assert.equal(next.outcome, 'starts', JSON.stringify(next));
    return next as NextStarted;
  }
  const told = ({ differences }: NextStarted) =>
    differences.map(({ kind, name, what, cure }) => `${kind} ${name}: ${what}; ${cure}`);
  const withRedis = async (options: RedisOptions, body: (redis: RedisServer) => Promise<void>) => {
    await using redis = await startRedis(options);
    await body(redis);
  };

  for (const { path, label } of redisBinaries()) {
    it(`is the same when nothing was set at run time, and leaves nothing behind [${label}]`, () =>
      withRedis({ binary: path, config: { appendonly: 'yes', save: '3600 1 300 100', maxmemory: '100mb' } }, async (redis) => {
        await redis.command('SET', 'a', '1');
        const files = readdirSync(redis.dir).sort();
        assert.deepEqual(await started(redis), {
          outcome: 'starts',
          server: (await started(redis)).server,
          differences: [],
          uncompared: [],
          databases: 16,
          maxmemoryBytes: 104857600,
          maxmemoryPolicy: 'noeviction',
          modules: (await started(redis)).modules,
        });
        assert.deepEqual(readdirSync(redis.dir).sort(), files);
        assert.deepEqual(
          readdirSync(tmpdir()).filter((name) => name.startsWith(`redis-backup-start-${process.pid}-`)),
          [],
        );
        assert.equal(await redis.dbsize(), 1);
      }));
  }

  it('is that of the program that would be started, which may be older than the one that runs', async function () {
    const [older] = redisBinaries();
    const newer = redisBinaries().find(({ version }) => version.startsWith('8.2'));
    if (!older || !newer) return skipWithout('redis-8.2', this);
    await withRedis({ binary: newer.path }, async (redis) => {
      const next = await started(redis, { program: older.path });
      assert.deepEqual(next.server, { product: 'redis', version: older.version });
      const [refusal] = startRefusals('main', next, { product: 'redis', version: newer.version });
      assert.equal(refusal?.code, 'CONFIG_UNSTARTABLE');
    });
  });

  it('takes back users, passwords and settings of the running server, each with what keeps it', () =>
    withRedis({ users: { alice: 'on >apw ~* +@all', carol: 'on nopass ~* +@all' } }, async (redis) => {
      await redis.command('ACL', 'SETUSER', 'bob', 'on', '>bpw', '~*', '+@all');
      await redis.command('ACL', 'SETUSER', 'alice', 'resetpass', '>newpw');
      await redis.command('ACL', 'DELUSER', 'carol');
      await redis.command('CONFIG', 'SET', 'maxmemory', '50mb');
      await redis.command('CONFIG', 'SET', 'masterauth', 'a-secret');
      const next = await started(redis);
      assert.deepEqual(told(next), [
        'user alice: its password is another one then; `CONFIG REWRITE`',
        'user bob: gone; `CONFIG REWRITE`',
        'user carol: not there now, there then; `CONFIG REWRITE`',
        'setting masterauth: another one then; `CONFIG REWRITE`',
        'setting maxmemory: 52428800 now, 0 then; `CONFIG REWRITE`',
      ]);
      assert.deepEqual(
        next.differences.filter(({ lockedOut }) => lockedOut).map(({ name }) => name),
        ['alice', 'bob'],
      );
      await redis.command('FUNCTION', 'LOAD', "#!lua name=mylib\nredis.register_function('f1', function() return 1 end)");
      assert.deepEqual((await started(redis)).functionsNow, ['mylib']);
      assert.doesNotMatch(JSON.stringify(next), /a-secret|newpw|bpw|[0-9a-f]{64}/);
      await redis.command('CONFIG', 'REWRITE');
      assert.deepEqual(told(await started(redis)), []);
    }));

  it('names ACL SAVE where users are in a file of their own', () =>
    withRedis({}, async (redis) => {
      await redis.stop();
      writeFileSync(join(dirname(redis.configFile), 'users.acl'), 'user default on nopass ~* &* +@all\n');
      await appendFile(redis.configFile, `\naclfile ../users.acl\n`);
      await redis.restart();
      await redis.command('ACL', 'SETUSER', 'bob', 'on', '>bpw', '~*', '+@all');
      assert.deepEqual(told(await started(redis)), ['user bob: gone; `ACL SAVE`']);
      await redis.command('ACL', 'SAVE');
      assert.deepEqual(told(await started(redis)), []);
    }));

  it('says that our own password would be refused', () =>
    withRedis({ password: 'old' }, async (redis) => {
      await redis.command('CONFIG', 'SET', 'requirepass', 'new');
      const next = await started(redis, { password: 'new' });
      assert.match(next.signInRefused ?? '', /^WRONGPASS invalid username-password pair/);
      assert.equal(next.signInCure, '`CONFIG REWRITE`');
    }));

  it('sees what an included file and the command line win over', () =>
    withRedis({}, async (redis) => {
      await redis.stop();
      const last = join(dirname(redis.configFile), 'last.conf');
      writeFileSync(last, 'maxmemory 10mb\n');
      await appendFile(redis.configFile, `\nmaxmemory 20mb\ninclude ${last}\n`);
      await redis.restart();
      await redis.command('CONFIG', 'SET', 'maxmemory', '30mb');
      await redis.command('CONFIG', 'SET', 'hz', '50');
      assert.deepEqual(told(await started(redis, { args: ['--hz', '20'] })), [
        'setting hz: 50 now, 20 then; set it in the command line, which CONFIG REWRITE does not change',
        `setting maxmemory: 31457280 now, 10485760 then; set it in ${last}, which CONFIG REWRITE does not change`,
      ]);
    }));

  it('warns of a CONFIG REWRITE that would write users of an included file twice', () =>
    withRedis({}, async (redis) => {
      await redis.stop();
      const users = join(dirname(redis.configFile), 'users.conf');
      writeFileSync(users, 'user ops on nopass ~* &* +@all\n');
      await appendFile(redis.configFile, `\ninclude ${users}\n`);
      await redis.restart();
      await redis.command('CONFIG', 'SET', 'maxmemory', '30mb');
      await redis.command('ACL', 'DELUSER', 'ops');
      for (const line of told(await started(redis)))
        assert.match(line, /no CONFIG REWRITE: it would copy the user lines of .*users\.conf/);
      await redis.command('ACL', 'SETUSER', 'ops', 'on', 'nopass', '~*', '&*', '+@all');
      await redis.command('CONFIG', 'REWRITE');
      const next = await look(redis);
      assert.equal(next.outcome, 'fails');
      assert.match(next.outcome === 'fails' ? next.lastLines : '', /Duplicate user/);
    }));

  it('is none: Redis itself says why it would not start', () =>
    withRedis({}, async (redis) => {
      await appendFile(redis.configFile, '\nmaxmemory-polcy allkeys-lru\n');
      const next = await look(redis);
      assert.equal(next.outcome, 'fails');
      assert.match(next.outcome === 'fails' ? next.lastLines : '', /maxmemory-polcy.*Bad directive/s);
    }));

  for (const groups of [[], [65534, 1]])
    it(`is tried as the user that Redis runs as, with groups ${groups.join(', ') || 'of none'}`, async function () {
      if (process.geteuid?.() !== 0) skipWithout('root', this); // only root may be another user
      await using redis = await startRedis();
      await redis.stop();
      const home = dirname(redis.configFile);
      for (const path of [home, redis.dir, redis.configFile, redis.logFile]) chownSync(path, 65534, 65534);
      const how = groups.length > 0 ? `--groups=${groups.join(',')}` : '--clear-groups';
      const args = ['--reuid=65534', '--regid=65534', how, '--', redis.binary.path, redis.configFile];
      const child = killAtTheEnd(spawn('setpriv', args, { cwd: home, stdio: 'ignore' }));
      await until(async () => (await openRedis(redis.connection).catch(() => undefined)) !== undefined, { what: 'it answers' });
      assert.deepEqual(told(await started(redis)), []);
      writeFileSync(join(home, 'root-only.conf'), 'maxmemory 1mb\n', { mode: 0o600 });
      await appendFile(redis.configFile, `\ninclude ${join(home, 'root-only.conf')}\n`);
      const next = await look(redis);
      assert.match(next.outcome === 'fails' ? next.lastLines : JSON.stringify(next), /can't open config file.*root-only/s);
      child.kill('SIGKILL');
    });

  it('is not known where a script starts Redis, and none where that is gone', () =>
    withRedis({}, async (redis) => {
      const script = join(redis.dir, '..', 'start-it');
      const platform = openProcessPlatform({
        start: { command: [script] },
        configFile: redis.configFile,
        port: redis.port,
      });
      const next = async () => lookAtNextStart(platform, redis.connection, await redis.client());
      const gone = await next();
      assert.equal(gone.outcome === 'another' && gone.why, `what starts it, ${script}, is not there or cannot be run`);
      writeFileSync(script, '#!/bin/sh\n', { mode: 0o755 });
      assert.deepEqual(await next(), {
        outcome: 'unknown',
        why: `it is started by ${script}, and what that starts is not known`,
      });
    }));

  it('says whom redis.conf makes it follow, and does not follow', () =>
    withRedis({}, async (redis) => {
      await appendFile(redis.configFile, '\nreplicaof 127.0.0.1 1\n');
      assert.equal((await started(redis)).follows, '127.0.0.1 1');
    }));

  it('proves that certificates can be read', () =>
    withRedis({ tls: 'server' }, async (redis) => {
      assert.deepEqual(told(await started(redis)), []);
      const text = await readFile(redis.configFile, 'utf8');
      writeFileSync(redis.configFile, text.replace(/^tls-cert-file .*$/m, 'tls-cert-file /nowhere.pem'));
      const next = await look(redis);
      assert.equal(next.outcome, 'fails');
      assert.match(next.outcome === 'fails' ? next.lastLines : '', /nowhere\.pem|Failed to configure TLS/);
    }));

  describe('that would be another Redis', () => {
    type Config = Parameters<typeof openProcessPlatform>[0];
    const next = async (redis: RedisServer, config: Config) =>
      lookAtNextStart(openProcessPlatform({ port: redis.port, ...config }), redis.connection, await redis.client());
    const other = async (redis: RedisServer, config: Config) => {
      const found = await next(redis, config);
      assert.equal(found.outcome, 'another', JSON.stringify(found));
      return found.outcome === 'another' ? found.why : '';
    };
    const copyOf = (redis: RedisServer) => {
      const copy = join(dirname(redis.configFile), 'copy.conf');
      copyFileSync(redis.configFile, copy);
      return copy;
    };

    it('is told where the start command names another redis.conf, or none', () =>
      withRedis({}, async (redis) => {
        const { configFile, binary, port } = redis;
        const copy = copyOf(redis);
        assert.equal(
          await other(redis, { configFile, start: { command: [binary.path, copy] } }),
          `what starts it reads ${copy}, and platform.configFile is ${configFile}`,
        );
        assert.equal(
          await other(redis, { configFile, start: { command: ['nice', binary.path, '--port', `${port}`] } }),
          `what starts it reads no redis.conf, and platform.configFile is ${configFile}`,
        );
        assert.match(await other(redis, { configFile: copy, start: { command: [binary.path, configFile] } }), /copy\.conf$/);
      }));

    it('is told where what runs has read another one than is named', () =>
      withRedis({}, async (redis) => {
        const copy = copyOf(redis);
        const why = `what runs has read ${redis.configFile}, and ${copy} is configured`;
        assert.equal(await other(redis, { configFile: copy, start: { command: [redis.binary.path, copy] } }), why);
        assert.equal(await other(redis, { configFile: copy, start: { command: ['/opt/start-it'] } }), why);
        const link = join(dirname(redis.configFile), 'link.conf');
        symlinkSync(redis.configFile, link);
        assert.equal((await next(redis, { configFile: link, start: { command: [redis.binary.path, link] } })).outcome, 'starts');
      }));

    it('is told where something is mounted over the data directory of the one that runs', async function () {
      await using redis = await startRedis();
      if (spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', redis.dir]).status !== 0) return skipWithout('mount', this);
      try {
        assert.match(
          await other(redis, { start: { command: [redis.binary.path, redis.configFile] } }),
          /^something was mounted over \S+ while it ran: process \d+ keeps its data below that, and the next start would not find it$/,
        );
      } finally {
        spawnSync('umount', ['-l', redis.dir]);
      }
    });
  });
});
