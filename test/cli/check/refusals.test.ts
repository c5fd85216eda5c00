import assert from 'node:assert/strict';
import { appendFile, rename, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { SnapshotManifest } from '../../../model/backup/manifest.ts';
import { sampleManifest } from '../../fixtures/manifest.ts';
import { type RedisOptions, type RedisServer, startRedis } from '../../support/redis-server.ts';
import { startSentinel } from '../../support/sentinel.ts';
import { until } from '../../support/until.ts';
import { CheckStage, found, processOf } from '../support/check-stage.ts';
import type { Site } from '../support/command.ts';

interface Trouble {
  /** What stands in the way. */
  what: string;
  options?: RedisOptions;
  /** Of the newest backup. */
  manifest?: (whole: SnapshotManifest) => Partial<SnapshotManifest>;
  /** Brings it about while Redis runs. What it returns is closed at the end. */
  make?: (redis: RedisServer) => Promise<unknown>;
  /** Of the instance, as YAML. */
  platform?: (redis: RedisServer) => string;
  says: RegExp;
}

const rdbWith =
  (rdb: Partial<SnapshotManifest['rdb']>) =>
  (whole: SnapshotManifest): Partial<SnapshotManifest> => ({ rdb: { ...whole.rdb, ...rdb } });

/** One that a Sentinel would promote. */
async function watchedWithReplica(redis: RedisServer) {
  const replica = await startRedis({ config: { replicaof: `127.0.0.1 ${redis.port}` } });
  const sentinel = await startSentinel(redis.port);
  const isKnown = async () => (await sentinel.replicas()).length > 0 && /slave0:.*state=online/.test(await replication(redis));
  await until(isKnown, { what: 'the Sentinel knows the replica' });
  return [sentinel, replica];
}

const replication = async (redis: RedisServer): Promise<string> => String(await redis.command('INFO', 'replication'));

const TROUBLES: readonly Trouble[] = [
  {
    what: 'an append-only directory that is a symbolic link',
    options: { config: { appendonly: 'yes' } },
    make: async ({ dir }) => {
      const elsewhere = join(dir, '..', 'elsewhere');
      await rename(join(dir, 'appendonlydir'), elsewhere);
      await symlink(elsewhere, join(dir, 'appendonlydir'));
    },
    says: /appendonlydir is a symbolic link/,
  },
  {
    what: 'a Sentinel that would promote a replica',
    make: watchedWithReplica,
    says: /1 Sentinel watches main: while it is stopped/,
  },
  {
    what: 'a redis.conf by which it follows another',
    make: ({ configFile }) => appendFile(configFile, '\nreplicaof 127.0.0.1 1\n'),
    says: /redis.conf makes main a replica of 127.0.0.1 1 at its next start/,
  },
  {
    what: 'a Redis Cluster',
    options: { config: { 'cluster-enabled': 'yes' } },
    says: /main is a node of a Redis Cluster; a restore/,
  },
  { what: 'a maxmemory that is too small', options: { config: { maxmemory: '900000' } }, says: /it would refuse every write/ },
  { what: 'an RDB of a newer Redis', manifest: rdbWith({ version: 99 }), says: /main cannot load backup 20260214T060000Z/ },
  {
    what: 'keys of a module that is not loaded',
    manifest: rdbWith({ moduleTypes: ['ReJSON-RL'] }),
    says: /holds module data that main does not know/,
  },
  {
    what: 'more databases than there are',
    manifest: rdbWith({ databases: [{ db: 20, keys: 3, expires: 2 }] }),
    says: /the backup has keys in database 20, and main has 16 databases/,
  },
  {
    what: 'a backup without a count',
    manifest: rdbWith({ parsed: false, unparsed: 'a type of its own' }),
    says: /could not all be counted/,
  },
  { what: 'a disk that has no room for a copy', manifest: rdbWith({ bytes: 1e15 }), says: /needs 1\.0 PB/ },
  {
    what: 'the redis.conf of another Redis',
    make: ({ configFile }) => appendFile(configFile, '\nport 1\n'),
    says: /but its redis.conf says port 1/,
  },
  {
    what: 'a start command whose program is not there',
    platform: ({ configFile }) =>
      `platform: { type: process, configFile: "${configFile}", start: { command: ["/nowhere/redis-server", "${configFile}"] } }`,
    says: /what starts it, \/nowhere\/redis-server, is not there or cannot be run/,
  },
  {
    what: 'a file for its output that cannot be made',
    platform: (redis) => processOf(redis).replace('start: {', 'start: { logFile: /nowhere/of/redis.log,'),
    says: /what it prints goes to \/nowhere\/of\/redis.log, which the worker cannot write/,
  },
];

/** What a plan refuses now, in its words. */
async function refusedByPlan(site: Site): Promise<string[]> {
  const { stdout, stderr } = await site.run('restore main --direct --plan --json');
  const last = (stderr.trim() || stdout.trim()).split('\n').at(-1) ?? '';
  const { plan, message } = JSON.parse(last) as { plan?: { refusals: { message: string }[] }; message?: string };
  return plan ? plan.refusals.map((one) => one.message) : [message ?? last];
}

/** Others write to this disk, too. */
const withoutSizes = (text: string): string => text.replace(/[\d.]+ [kMGTP]?B\b/g, 'N B');

describe('redis-backup check of what would be refused', function () {
  this.timeout(60_000);
  let stage: CheckStage;
  before(async () => {
    stage = await CheckStage.open();
  });
  after(() => stage?.close());

  const closeAll = async (made: unknown): Promise<void> => {
    for (const one of [made].flat()) await (one as AsyncDisposable | undefined)?.[Symbol.asyncDispose]?.();
  };

  for (const { what, options, manifest, make, platform = processOf, says } of TROUBLES) {
    it(`fails, in the words of the plan, on ${what}`, async () => {
      await using redis = await startRedis({ ...options, config: { save: '3600 1', ...options?.config } });
      await using site = await stage.siteOf(redis, platform(redis));
      const whole = sampleManifest();
      await site.publish({ ...whole, ...manifest?.(whole) });
      const made = await make?.(redis);
      try {
        const planned = await refusedByPlan(site);
        const [meant = ''] = planned.filter((message) => says.test(message));
        assert.match(meant, says, JSON.stringify(planned));
        const { findings } = await site.json<{ findings: { level: string; message: string; next?: string }[] }>('check');
        const finding = findings.find(
          ({ level, message }) => level === 'failed' && withoutSizes(message).includes(withoutSizes(meant)),
        );
        assert.ok(finding?.next, JSON.stringify(findings, null, 1));
      } finally {
        await closeAll(made);
      }
    });
  }

  it('foresees what needs no backup before there is one, and says what it was tried with', async () => {
    await using redis = await startRedis({ config: { save: '3600 1' } });
    await using site = await stage.siteOf(redis, processOf(redis));
    const [free, ...none] = await found(site, 'refusals');
    assert.deepEqual(none, []);
    assert.equal(free?.level, 'ok');
    assert.match(
      free?.message ?? '',
      /^nothing that stands forbids restores, live restores.*, as far as can be told without a backup$/,
    );
    await site.publish(sampleManifest());
    const [planned] = await found(site, 'refusals');
    assert.match(planned?.message ?? '', /, planned with 20260214T060000Z$/);

    await appendFile(redis.configFile, '\nreplicaof 127.0.0.1 1\n');
    const failures = (await found(site, 'refusals')).filter(({ level }) => level === 'failed');
    assert.match(failures[0]?.message ?? '', /^restores would be refused: redis.conf makes main a replica/);
  });

  it('warns of what forbids a live restore alone', async () => {
    await using redis = await startRedis({ config: { save: '3600 1', masterauth: 'unknown-to-us' } });
    await using site = await stage.siteOf(redis, processOf(redis));
    const [live, ...others] = await found(site, 'refusals');
    assert.equal(live?.level, 'warning');
    assert.match(live?.message ?? '', /^live restores would be refused: main has a masterauth/);
    assert.ok(
      others.every(({ level }) => level === 'ok'),
      JSON.stringify(others),
    );
  });
});
