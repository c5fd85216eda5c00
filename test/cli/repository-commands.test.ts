import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SnapshotManifest } from '../../model/backup/manifest.ts';
import { sampleSegment, sampleTimeline, storeStream, TIMELINE_ID } from '../repository/archive/fixtures.ts';
import { openSite, type Site } from './support/command.ts';
import { now, taken } from './support/taken.ts';

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
        'can be restored: only the moments of 2 backups, from 2026-08-01 00:30:00 UTC until 2026-08-01 06:30:00 UTC',
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

  it('list, show and status name a backup whose RDB was emptied or is gone, and go on from the one before it', async () => {
    await site.publish(taken(8, 3), taken(2, 3));
    const rdb = join(site.dir, 'main/0/snapshots/20260801T063000Z/dump.rdb.zst');
    for (const [damage, why] of [
      [() => writeFile(rdb, ''), 'has 0 bytes, the manifest says 123'],
      [() => rm(rdb), 'is not in the store, and the manifest names it'],
    ] as const) {
      await damage();
      const listed = await site.run('list main', { now });
      assert.match(listed.stdout, new RegExp(`warning: 20260801T063000Z is there and cannot be restored: .*${why}`));
      const status = await site.run('status main --max-age 4h', { now });
      assert.equal(status.code, 61);
      assert.match(status.stdout, /20260801T003000Z/);
      assert.match(status.stdout, /20260801T063000Z is there and cannot be restored/);
      assert.match((await site.run('show main', { now })).stderr, /not the newest: backup 20260801T063000Z, .* cannot be used: /);
      const named = await site.run('show main 20260801T063000Z', { now });
      assert.equal(named.code, 22);
      assert.match(named.stderr, new RegExp(why));
    }
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
      stderr:
        'error: there is no backup of main that can be used\nnext: Take one with `redis-backup backup main`; if there must be one, look at the repository in the configuration.\n',
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
    'REDIS BACKUP OK - main: last good backup 20260801T063000Z is 2 h 00 min old (limit 7 h 00 min); can be restored: only the moments of 2 backups, from 2026-08-01 00:30:00 UTC until 2026-08-01 06:30:00 UTC | age=7200s;;25200 keys=1000 stored=123B\n';
  const staleUntil = (what: string) =>
    `REDIS BACKUP CRITICAL - main: last good backup 20260801T003000Z is 8 h 00 min old (limit 7 h 00 min); can be restored: only the ${what} | age=28800s;;25200 keys=1000 stored=123B\n`;
  const stale = staleUntil('moment of 1 backup, 2026-08-01 00:30:00 UTC');
  const staleBefore = staleUntil('moments of 2 backups, from 2026-08-01 00:30:00 UTC until 2026-08-01 07:30:00 UTC');
  const emptied =
    'REDIS BACKUP WARNING - main: last good backup 20260801T063000Z is 2 h 00 min old (limit 7 h 00 min); it holds 5 keys, and 20260801T003000Z held 1,000: was the data lost in between?; `latest` is 20260801T003000Z; can be restored: only the moments of 2 backups, from 2026-08-01 00:30:00 UTC until 2026-08-01 06:30:00 UTC | age=7200s;;25200 keys=5 stored=123B\n';
  const STATES: [title: string, backups: SnapshotManifest[], code: number, nagios: number, stdout: string][] = [
    ['fresh', [taken(8, 900), taken(2, 1000)], 0, 0, fresh],
    ['stale', [taken(8, 1000)], 61, 2, stale],
    ['none', [], 62, 2, 'REDIS BACKUP CRITICAL - main: no backup (limit 7 h 00 min)\n'],
    ['stale whatever a restore put into safety', [taken(8, 1000), taken(1, 1000, { reason: 'safety' })], 61, 2, staleBefore],
    ['stale whatever somebody brought in', [taken(8, 1000), taken(1, 90_000, { reason: 'imported' })], 61, 2, staleBefore],
    ['fresh, with a warning when nine tenths of the keys are gone', [taken(8, 1000), taken(2, 5)], 0, 1, emptied],
  ];
  for (const [title, backups, code, nagios, stdout] of STATES) {
    it(`status says ${title}: exit code ${code}, for Nagios ${nagios}`, async () => {
      await site.publish(...backups);
      assert.deepEqual(await site.run('status main', { now }), { code, stdout, stderr: '' });
      assert.deepEqual(await site.run('status main --nagios', { now }), { code: nagios, stdout, stderr: '' });
    });
  }

  it('list and status name what the log lacks, and where it has a gap', async () => {
    await site.publish(taken(2, 1000));
    const archive = site.repository.archive({ instance: 'main', shard: '0' });
    await storeStream(archive, [100, 100, 100]);
    const parent = { timelineId: TIMELINE_ID, end: 1300, endedAt: '2026-02-14T06:10:00.000Z', gap: true };
    const next = { replid: 'f'.repeat(40), first: 7, startedAt: '2026-02-14T06:11:00.000Z', reason: 'full-resync' as const };
    await archive.createTimeline(sampleTimeline({ ...next, parent }));
    await rm(join(site.dir, (await archive.segments(TIMELINE_ID))[1]?.key ?? ''));
    const { stdout } = await site.run('list main', { now });
    assert.match(stdout, /^log: from 2026-02-14 06:00:01 UTC until 2026-02-14 06:11:00 UTC$/m);
    assert.match(
      stdout,
      /^ {2}the log has a gap, from 2026-02-14 06:10:00 UTC until 2026-02-14 06:11:00 UTC: Redis could not go on/m,
    );
    assert.match(stdout, /^warning: offsets 1100 to 1200 of the log .* are not in the repository/m);
    const { code, stdout: status } = await site.run('status main --nagios', { now });
    assert.equal(code, 1);
    assert.match(status, /^REDIS BACKUP WARNING - .*offsets 1100 to 1200 of the log .*; the log has a gap, from 2026-02-14/);
    const { archives } = await site.json<{ archives: { damage: { what: string }[]; gaps: unknown[] }[] }>('list main', { now });
    assert.deepEqual([archives[0]?.damage[0]?.what, archives[0]?.gaps.length], ['hole', 1]);
  });

  it('list and status call a restart by which nothing was lost no gap, and say from when to when it has no moments', async () => {
    await site.publish(taken(2, 1000));
    const archive = site.repository.archive({ instance: 'main', shard: '0' });
    await storeStream(archive, [100]);
    const parent = {
      ...{ timelineId: TIMELINE_ID, end: 1100, endedAt: '2026-02-14T06:09:00.000Z', gap: false },
      restartedAt: '2026-02-14T06:10:00.000Z',
    };
    const next = { replid: 'f'.repeat(40), first: 7, startedAt: '2026-02-14T06:11:00.000Z', reason: 'restarted' as const };
    await archive.createTimeline(sampleTimeline({ ...next, parent }));
    const text = 'Redis was restarted at 2026-02-14 06:10:00 UTC with nothing lost; the log goes on at 2026-02-14 06:11:00 UTC';
    const { stdout } = await site.run('list main', { now });
    assert.ok(stdout.includes(`\n  ${text}: what it wrote until then`), stdout);
    const { code, stdout: status } = await site.run('status main --nagios', { now });
    assert.deepEqual([code, status.includes(`; ${text}`), status.includes('gap')], [0, true, false], status);
    const { archives } = await site.json<{ archives: { gaps: unknown[]; restarts: unknown[] }[] }>('list main', { now });
    assert.deepEqual([archives[0]?.gaps.length, archives[0]?.restarts.length], [0, 1]);
  });

  it('show takes no older backup for the newest one whose manifest is damaged without saying so', async () => {
    await site.publish(taken(8, 3), taken(2, 3));
    await writeFile(join(site.dir, 'main/0/snapshots/20260801T063000Z/manifest.json'), '{');
    const { stdout, stderr } = await site.run('show main', { now });
    assert.match(stdout, /^main 20260801T003000Z\n/);
    assert.match(stderr, /warning: not the newest: backup 20260801T063000Z, taken 2026-08-01 06:30 UTC, cannot be used: /);
  });

  it('clone makes no copy of an older backup in place of a damaged newest one, unless it is named', async () => {
    await site.publish(taken(8, 3), taken(2, 3));
    await writeFile(join(site.dir, 'main/0/snapshots/20260801T063000Z/manifest.json'), '{');
    const { code, stderr } = await site.run('clone main --at latest', { now });
    assert.equal(code, 40, stderr);
    assert.match(
      stderr,
      /^error: latest of main would be backup 20260801T003000Z, .* cannot be used: backup 20260801T063000Z, taken/m,
    );
    assert.match(stderr, /^next: .*`redis-backup clone main --at 20260801T003000Z`/m);
  });

  it('find-destructive says that it could look at nothing, and is no success then', async () => {
    await site.publish(taken(2, 3));
    const nothing = await site.run('find-destructive main', { now });
    assert.equal(nothing.code, 24);
    assert.match(nothing.stderr, /^error: there is no log of main to look at: nothing of it is archived\n/);
    const archive = site.repository.archive({ instance: 'main', shard: '0' });
    await storeStream(archive, [1000, 1000]);
    const outside = await site.run('find-destructive main', { now });
    assert.deepEqual([outside.code, outside.stdout], [24, 'main: the log has nothing of that time, so nothing was looked at\n']);
    const whole = ['find-destructive main --from 2026-02-14T06:00:00Z --to 2026-02-14T06:00:30Z', { now }] as const;
    const all = await site.run(...whole);
    assert.equal(all.code, 0, all.stderr);
    assert.match(
      all.stdout,
      /^main: no FLUSHALL, .* and no 100 keys deleted, .* in the log in .*\nsmaller or slower .* --plan.*\nlooked at: the log from 2026-02-14 06:00:01 UTC until/,
    );
    await archive.putSegment(sampleSegment(3000, 3100, { unknownCommands: ['wipe'] }), [Buffer.alloc(100)]);
    const unknown = await site.run(...whole);
    assert.equal(unknown.code, 24);
    assert.match(unknown.stdout, /^main: no FLUSHALL, .* in what could be read .*\n.*\n.*\nNOT understood: wipe, /);
    await rm(join(site.dir, (await archive.segments(TIMELINE_ID))[1]?.key ?? ''));
    const holed = await site.run(...whole);
    assert.equal(holed.code, 24);
    assert.match(holed.stdout, /NOT looked at: offsets 2000 to 3000 of the log/);
  });

  it('find-destructive says which part of the time the log does not have, and is no success where that was asked for', async () => {
    const archive = site.repository.archive({ instance: 'main', shard: '0' });
    await storeStream(archive, [1000, 1000]); // until 06:00:03
    const at = (time: string) => () => Date.parse(`2026-02-14T${time}Z`);
    const young = await site.run('find-destructive main', { now: at('06:01:00') });
    assert.equal(young.code, 0, young.stdout);
    assert.match(young.stdout, /^NOT looked at: before 2026-02-14 06:00:00 UTC, when the log begins$/m);
    const early = await site.run('find-destructive main --from 2026-02-14T05:59:00Z', { now: at('06:01:00') });
    assert.deepEqual([early.code, early.stdout.includes('NOT looked at: before 2026-02-14 06:00:00 UTC')], [24, true]);
    const silent = await site.run('find-destructive main', { now: at('06:02:00') });
    assert.equal(silent.code, 24);
    assert.match(
      silent.stdout,
      /^NOT looked at: from 2026-02-14 06:00:03 UTC until 2026-02-14 06:02:00 UTC\. .* archive main --status/m,
    );
    const past = '--from 2026-02-14T06:00:01Z --to 2026-02-14T06:00:02Z';
    const covered = await site.run(`find-destructive main ${past}`, { now: at('09:00:00') });
    assert.deepEqual([covered.code, covered.stdout.includes('NOT')], [0, false]);
    const json = await site.json<{ notLogged: unknown[] }>('find-destructive main', { now: at('06:02:00') });
    assert.deepEqual(json.notLogged, [
      { why: 'begins', from: '2026-02-13T06:02:00.000Z', to: '2026-02-14T06:00:00.000Z' },
      { why: 'ends', from: '2026-02-14T06:00:03.000Z', to: '2026-02-14T06:02:00.000Z' },
    ]);
  });

  it('find-destructive shows whole databases, and of the runs those of the most keys', async () => {
    const archive = site.repository.archive({ instance: 'main', shard: '0' });
    await storeStream(archive, [1000]);
    const atMs = Date.parse('2026-02-14T06:00:02Z');
    const passed = (command: string, before: number, keys?: number) => ({
      ...{ command, before, after: before + 1, atMs, db: 0 },
      ...(keys === undefined ? {} : { keys }),
    });
    const destructive = Array.from({ length: 30 }, (_, i) => passed('mass delete', 2000 + i, 100 + i));
    destructive.push(passed('FLUSHALL', 2040), passed('mass rename', 2050, 100));
    await archive.putSegment(sampleSegment(2000, 3000, { destructive }), [Buffer.alloc(1000)]);
    const { stdout } = await site.run('find-destructive main', { now: () => atMs + 30_000 });
    assert.match(
      stdout,
      /mass delete .* 110 keys[\s\S]* FLUSHALL [\s\S]*and 11 more of fewer keys[\s\S]*: 32 destructive moments/,
    );
    assert.doesNotMatch(stdout, / 109 keys/);
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
