import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { emptyClassCensus, TTL_BOUNDS_SECONDS } from '../../model/backup/census.ts';
import { openSite, run, type Site } from './support/command.ts';
import { HOUR_MS, now, taken } from './support/taken.ts';

describe('redis-backup status', () => {
  let site: Site;
  beforeEach(async () => {
    site = await openSite('instances: { main: { url: redis://127.0.0.1:1 }, other: { url: redis://127.0.0.1:1 } }');
  });
  afterEach(() => site[Symbol.asyncDispose]());

  it('status says in one line on stdout, for Nagios, that it cannot be known', async () => {
    await using lost = await openSite('instances: { main: { url: redis://127.0.0.1:1 } }');
    await rm(lost.dir, { recursive: true });
    const { code, stdout, stderr } = await lost.run('status main --nagios', { now });
    assert.equal(code, 3);
    assert.match(stdout, /^REDIS BACKUP UNKNOWN - \w+: .*\n$/);
    assert.equal(stderr, '');
    assert.notEqual((await lost.run('status main', { now })).code, 0);
  });

  for (const slip of [
    'main --wrong --nagios',
    '--nagios main main',
    '--nagios main --max-age',
    '--nagios --config',
    'main --nagios --max-age 1',
    'nobody --nagios',
  ])
    it(`status says to Nagios that \`status ${slip}\` is a slip: unknown, in one line on stdout`, async () => {
      const args = ['status', ...slip.split(' ')];
      const { code, stdout, stderr } = await run(
        slip.endsWith('--config') ? args : [...args.slice(0, 1), '--config', site.configFile, ...args.slice(1)],
        { now },
      );
      assert.deepEqual([code, stderr], [3, '']);
      assert.match(stdout, /^REDIS BACKUP UNKNOWN - (?:USAGE|INSTANCE_UNKNOWN): .*\n$/);
    });

  for (const before of ['--config /nowhere/redis-backup.yaml', '--config', '--wrong'])
    it(`status says to Nagios, too, that \`${before}\` before the command is one`, async () => {
      const { code, stdout, stderr } = await run([...before.split(' '), 'status', '--nagios'], { now });
      assert.deepEqual([code, stderr], [3, '']);
      assert.match(stdout, /^REDIS BACKUP UNKNOWN - \w+: .*\n$/);
    });

  it('status says that a data class was lost, however many keys are there', async () => {
    const census = (sessions: number, apiCache: number) => {
      const { census: sample } = taken(2, 1000);
      const of = (name: string, keys: number) => ({ ...emptyClassCensus(name), keys, persistent: keys });
      return {
        ...sample,
        keys: sessions + apiCache,
        classes: [of('sessions', sessions), of('apiCache', apiCache), of('other', 0)],
      };
    };
    const ttlBoundsSeconds = [...TTL_BOUNDS_SECONDS];
    await site.publish(
      { ...taken(8, 1200), ttlBoundsSeconds, census: census(1000, 200) },
      { ...taken(2, 360), ttlBoundsSeconds, census: census(0, 360) },
    );
    const { code, stdout } = await site.run('status main --nagios', { now });
    assert.equal(code, 1, stdout);
    assert.match(stdout, /it has less than a tenth of the 1,000 sessions of 20260801T003000Z: were they lost in between\?/);
    assert.match(stdout, /; `latest` is 20260801T003000Z/);
    assert.match(
      (await site.run('list main', { now })).stdout,
      /^warning: `latest` is 20260801T003000Z: the newer 20260801T063000Z has less than a tenth of its 1,000 sessions$/m,
    );
    assert.match((await site.run('show main', { now })).stdout, /^main 20260801T003000Z\n/, 'what a restore takes');
  });

  it('status and list name a date in the future, which is never fresh', async () => {
    await site.publish(taken(8, 1000), taken(-1440, 1000));
    const { code, stdout } = await site.run('status main', { now });
    assert.equal(code, 61, stdout);
    assert.match(stdout, /last good backup 20260801T003000Z is 8 h 00 min old .*; backup 20260930T083000Z is dated 2026-09-30/);
    const { stdout: listed } = await site.run('list main', { now });
    assert.match(listed, /^20260930T083000Z +unknown /m);
    assert.match(listed, /^warning: backup 20260930T083000Z is dated 2026-09-30 08:30 UTC, which is in the future/m);
    assert.match((await site.run('show main', { now })).stdout, /^main 20260801T003000Z\n/);
  });

  it('status says that the age is not known where there is nothing but a date in the future', async () => {
    await site.publish(taken(-1440, 1000));
    const { code, stdout } = await site.run('status main', { now });
    assert.equal(code, 61);
    assert.match(stdout, /^REDIS BACKUP CRITICAL - main: last good backup 20260930T083000Z is of unknown age .*\| age=U;;25200/);
  });

  it('status never calls an empty backup the last good one', async () => {
    await site.publish(taken(8, 3), taken(5, 0), taken(2, 0));
    const { code, stdout } = await site.run('status main --max-age 9h', { now });
    assert.equal(code, 0);
    assert.match(
      stdout,
      /^REDIS BACKUP WARNING - main: last good backup 20260801T003000Z is 8 h 00 min old .*; the newest, 20260801T063000Z, is empty, as is the one before it: was the data lost\?/,
    );
    await site.publish(taken(1, 0, { instance: 'other' }));
    const empty = await site.run('status other', { now });
    assert.equal(empty.code, 62);
    assert.match(
      empty.stdout,
      /^REDIS BACKUP CRITICAL - other: no backup \(limit .*\); the newest, 20260801T073000Z, is empty\n$/,
    );
  });

  it('status and list name a backup of a Redis whose clock was another one, which is not what latest means', async () => {
    const doubted = taken(2, 3);
    await site.publish(taken(8, 3), { ...doubted, times: { ...doubted.times, clockOffsetMs: 30 * 24 * HOUR_MS } });
    const doubt = /backup 20260801T063000Z is of a Redis whose clock was 30 d 00 h ahead of the worker's/;
    const status = await site.run('status main --nagios', { now });
    assert.equal(status.code, 1);
    assert.match(status.stdout, doubt);
    assert.match((await site.run('list main', { now })).stdout, doubt);
    assert.equal((await site.json<{ backupId: string }>('show main', { now })).backupId, '20260801T003000Z');
    assert.match((await site.run('show main 20260801T063000Z', { now })).stdout, doubt);
  });

  it('status takes another limit, and refuses one that is none', async () => {
    await site.publish(taken(2, 1000));
    assert.equal((await site.run('status main --max-age 1h', { now })).code, 61);
    assert.equal((await site.run('status main --max-age 2h', { now })).code, 0);
    assert.deepEqual(await site.run('status main --max-age 1', { now }), {
      code: 2,
      stdout: '',
      stderr:
        'error: --max-age is "1"; allowed: a whole number and s, m, h or d, such as 90s, 6h or 7d\nnext: See `redis-backup status --help`.\n',
    });
  });

  it('status refuses a limit by which nothing could be fresh', async () => {
    await site.publish(taken(2, 1000));
    const { code, stderr } = await site.run('status main --max-age 0s', { now });
    assert.equal(code, 2);
    assert.match(stderr, /^error: --max-age is "0s", by which every backup is stale; allowed: /);
  });

  it('status of all instances is the worst of them', async () => {
    await site.publish(taken(2, 1000));
    const { code, instances } = await site.json<{ instances: { instance: string; state: string }[] }>('status', { now });
    assert.equal(code, 62);
    assert.deepEqual(
      instances.map(({ instance, state }) => [instance, state]),
      [
        ['main', 'fresh'],
        ['other', 'none'],
      ],
    );
  });
});
