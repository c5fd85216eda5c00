import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { backupIdAt } from '../../model/instance.ts';
import type { SnapshotManifest } from '../../model/manifest.ts';
import { sampleManifest } from '../repository/sample-manifest.ts';
import { openSite, type Site } from './support/command.ts';

const NOW_MS = Date.parse('2026-08-01T08:30:00Z');
const HOUR_MS = 3_600_000;
const now = () => NOW_MS;

/** A backup that was taken so many hours ago. */
function taken(hoursAgo: number, keys: number, parts: Partial<SnapshotManifest> = {}): SnapshotManifest {
  const sample = sampleManifest();
  const ms = NOW_MS - hoursAgo * HOUR_MS;
  const times = { ...sample.times, takenAt: new Date(ms).toISOString(), finishedAt: new Date(ms + 5000).toISOString() };
  return { ...sample, backupId: backupIdAt(ms), times, rdb: { ...sample.rdb, keys }, ...parts };
}

describe('redis-backup list, show and status', () => {
  let site: Site;
  beforeEach(async () => {
    site = await openSite('instances: { main: { url: redis://127.0.0.1:1 }, other: { url: redis://127.0.0.1:1 } }');
  });
  afterEach(() => site[Symbol.asyncDispose]());

  it('list shows what can be restored, of every instance', async () => {
    await site.publish(taken(8, 1_234_567), taken(2, 1_234_600, { reason: 'manual' }));
    assert.deepEqual(await site.run('list', { now }), {
      code: 0,
      stdout: [
        'main',
        'backup                   age       keys    RDB  stored  Redis   reason',
        '20260801T003000Z  8 h 00 min  1,234,567  456 B   123 B  7.0.15  scheduled',
        '20260801T063000Z  2 h 00 min  1,234,600  456 B   123 B  7.0.15  manual',
        'other: no backups',
        '',
      ].join('\n'),
      stderr: '',
    });
  });

  it('list names a backup that is there and cannot be restored', async () => {
    await site.publish(taken(8, 1));
    await writeFile(join(site.dir, 'main/0/snapshots/20260801T003000Z/manifest.json'), '{}');
    const { backups, problems } = await site.json<{ backups: unknown[]; problems: { backupId: string }[] }>('list main', { now });
    assert.deepEqual(backups, []);
    assert.equal(problems[0]?.backupId, '20260801T003000Z');
    assert.match(
      (await site.run('list main', { now })).stdout,
      /^main: no backups\nwarning: 20260801T003000Z is there and cannot be restored: /,
    );
  });

  it('show tells what a backup holds; latest is the newest that holds anything', async () => {
    await site.publish(taken(8, 3), taken(2, 0));
    const { stdout, code } = await site.run('show main', { now });
    assert.equal(code, 0);
    assert.equal(
      stdout,
      `main 20260801T003000Z
  taken        2026-08-01 00:30:00 UTC, 8 h 00 min ago; scheduled, by replication
  server       redis 7.0.15, run c2a7e1f0b5d94c6f8a3e1d2c4b5a697887766554
  replication  8371b4fb1155b71f4a04d3e1bc3e18c4a990aeeb, offset 14
  keys         3, 2 with a time to live
  databases    db0 3
  RDB          version 10, 456 B, CRC64 valid
  stored       dump.rdb.zst, 123 B
  SHA-256      ${'a'.repeat(64)}
  policy       save "3600 1 300 100 60 10000", appendonly yes, appendfsync everysec
  software     redis-backup 0.1.0, format 1

data class        keys  without TTL  expired
sessions             2            0        0
other (no class)     1            1        0
`,
    );
    const json = await site.json<{ backupId: string; type: string }>('show main 20260801T063000Z', { now });
    assert.equal(json.backupId, '20260801T063000Z');
  });

  it('show refuses what is no backup, and says so of one that is not there', async () => {
    assert.deepEqual(await site.run('show main yesterday'), {
      code: 2,
      stdout: '',
      stderr:
        'error: "yesterday" is not a backup id\nnext: Give a UTC time as YYYYMMDDTHHMMSSZ, as `redis-backup list` shows it, or `latest`.\n',
    });
    assert.equal((await site.run('show main 20260801T003000Z')).code, 20);
    assert.deepEqual(await site.run('show main latest'), {
      code: 62,
      stdout: '',
      stderr: 'error: there is no backup of main\nnext: Take one with `redis-backup backup main`.\n',
    });
  });

  it('show asks which instance is meant when there are several', async () => {
    assert.deepEqual(await site.run('show'), {
      code: 2,
      stdout: '',
      stderr:
        'error: there are 2 instances, and none was named\nnext: Name one: redis-backup show main; the instances are: main, other.\n',
    });
  });

  const fresh =
    'REDIS BACKUP OK - main: last good backup 20260801T063000Z is 2 h 00 min old (limit 7 h 00 min) | age=7200s;;25200 keys=1000 stored=123B\n';
  const stale =
    'REDIS BACKUP CRITICAL - main: last good backup 20260801T003000Z is 8 h 00 min old (limit 7 h 00 min) | age=28800s;;25200 keys=1000 stored=123B\n';
  const emptied =
    'REDIS BACKUP WARNING - main: last good backup 20260801T063000Z is 2 h 00 min old (limit 7 h 00 min); it holds 5 keys, and 20260801T003000Z held 1,000: was the data lost in between? | age=7200s;;25200 keys=5 stored=123B\n';
  const STATES: [title: string, backups: SnapshotManifest[], code: number, nagios: number, stdout: string][] = [
    ['fresh', [taken(8, 900), taken(2, 1000)], 0, 0, fresh],
    ['stale', [taken(8, 1000)], 61, 2, stale],
    ['none', [], 62, 2, 'REDIS BACKUP CRITICAL - main: no backup (limit 7 h 00 min)\n'],
    ['stale whatever a restore put into safety', [taken(8, 1000), taken(1, 1000, { reason: 'safety' })], 61, 2, stale],
    ['fresh, with a warning when nine tenths of the keys are gone', [taken(8, 1000), taken(2, 5)], 0, 1, emptied],
  ];
  for (const [title, backups, code, nagios, stdout] of STATES) {
    it(`status says ${title}: exit code ${code}, for Nagios ${nagios}`, async () => {
      await site.publish(...backups);
      assert.deepEqual(await site.run('status main', { now }), { code, stdout, stderr: '' });
      assert.deepEqual(await site.run('status main --nagios', { now }), { code: nagios, stdout, stderr: '' });
    });
  }

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

  it('never take a repository that is not there for an empty one', async () => {
    const { configFile } = site;
    await writeFile(configFile, (await readFile(configFile, 'utf8')).replace(site.dir, `${site.dir}/unmounted`));
    for (const command of ['status main', 'list', 'show main']) {
      const { code, stderr } = await site.run(command);
      assert.equal(code, 32, stderr);
      assert.match(stderr, /^error: .*unmounted/);
    }
  });
});
