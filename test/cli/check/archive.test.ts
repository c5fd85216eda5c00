import assert from 'node:assert/strict';
import { archiverFinding } from '../../../cli/check/archive.ts';
import { notLookedAt } from '../../../cli/check/run.ts';
import type { ShownStatus } from '../../../cli/output/output.ts';
import type { ArchiveStatus } from '../../../model/archive/archiving.ts';
import { openFollower } from '../../../redis/replication/follow.ts';
import { Archive } from '../../../repository/archive/archive.ts';
import { timelineIdOf } from '../../../repository/layout.ts';
import { sampleSegment, sampleTimeline } from '../../repository/archive/fixtures.ts';
import { openStore } from '../../support/open-store.ts';
import { startRedis } from '../../support/redis-server.ts';
import { until } from '../../support/until.ts';
import { type CheckResult, CheckStage, found, POLICY } from '../support/check-stage.ts';

describe('redis-backup check of the continuous log', function () {
  this.timeout(60_000);
  let stage: CheckStage;
  before(async () => {
    stage = await CheckStage.open();
  });
  after(() => stage?.close());

  it('looks at nothing where none is configured', async () => {
    await using here = await stage.siteWith({ config: POLICY });
    for (const check of ['archive', 'archiver', 'backlog']) assert.deepEqual(await found(here.site, check), []);
  });

  it('says that nobody archives', async () => {
    await using here = await stage.siteWith({ config: POLICY }, 'archive: {}');
    assert.deepEqual(await found(here.site, 'archiver'), [
      {
        level: 'failed',
        message: 'archive/main does not run: nothing is archived',
        next: 'Run `redis-backup archive main`.',
      },
    ]);
  });

  it('calls no archiver and no watcher well for which no worker answers, and tells whoever asks for their status within seconds', async () => {
    await using here = await stage.siteWith({ config: POLICY }, 'archive: {}, watch: {}');
    const { workflow } = await stage.temporal.client();
    const handles = [];
    for (const [workflowId, type] of [['archive/main', 'archiveContinuously'], ['watch/main', 'watchRedis']] as const) // biome-ignore format: one line
      handles.push(await workflow.start(type, { workflowId, taskQueue: 'redis-ops', args: [{ instance: 'main' }] }));
    const { findings } = await here.site.json<CheckResult>('check');
    for (const check of ['archiver', 'watcher']) {
      const finding = findings.find((one) => one.check === check);
      assert.equal(finding?.level, 'failed');
      assert.match(finding?.message ?? '', /^PLACE_UNREACHABLE: .* no worker answers for it: it does nothing meanwhile/);
      assert.match(finding?.next ?? '', /redis-backup worker/);
    }
    for (const command of ['archive', 'watch']) {
      const { code, stderr } = await here.site.run(`${command} main --status`);
      assert.equal(code, 54, stderr);
      assert.match(stderr, /^error: .*\/main is known to Temporal, but no worker answers for it/);
    }
    for (const handle of handles) await handle.terminate();
  });

  it('calls an archiver well only when it follows', () => {
    const said = { instance: 'main', phase: 'follow' } as const;
    const of = (status: Partial<ArchiveStatus>, now: Partial<ShownStatus> = {}) =>
      archiverFinding('archive/main', { ...said, ...status }, { workflowId: 'archive/main', ...now });
    const rpo = { seconds: 0, storedUpTo: '2026-08-01T10:41:55Z', asOf: '2026-08-01T10:42:07Z' };
    assert.equal(of({ rpo }, { rpoSeconds: 0 }).level, 'ok');
    assert.equal(of({ phase: 'detached', detachedBy: 'restore/main' }).level, 'warning');
    for (const [bad, words] of [
      [of({ phase: 'trouble', trouble: 'Redis does not answer' }), /Redis does not answer/],
      [of({ rpo: { ...rpo, silentSince: rpo.storedUpTo } }), /nothing heard from Redis since/],
      [of({}, { waits: true, note: 'waiting: no worker takes it' }), /no worker takes it/],
      [of({}, { attempt: 2, problem: 'heartbeat timeout' }), /attempt 2 after: heartbeat timeout/],
    ] as const) {
      assert.equal(bad.level, 'failed');
      assert.match(bad.message, words);
    }
  });

  it('says what nobody has looked at, when Redis or Temporal does not answer', () => {
    const instance = { hasPlace: true, archive: {}, watch: {} } as Parameters<typeof notLookedAt>[0];
    assert.deepEqual(notLookedAt(instance, { redis: true, temporal: true }), []);
    const words = notLookedAt(instance, { redis: false, temporal: false }).map(({ message }) => message);
    for (const what of ['permissions', 'clock', 'persistence policy', 'continuous log'])
      assert.ok(words[0]?.includes(what), words[0]);
    for (const what of ['schedule', 'place', 'archiver', 'watcher']) assert.ok(words[1]?.includes(what), words[1]);
  });

  it('proposes a backlog for two minutes of the writes that it measures, with the memory that it takes', async () => {
    await using here = await stage.siteWith({ config: { ...POLICY, maxmemory: '1gb' } }, 'archive: {}');
    await using replica = await startRedis({ config: { replicaof: `127.0.0.1 ${here.redis.port}` } });
    await until(async () => String(await replica.command('INFO', 'replication')).includes('master_link_status:up'), {
      what: 'somebody follows, so there is a backlog',
    });
    let writing = true;
    const writer = await here.redis.client();
    const written = (async () => {
      while (writing) await writer.command('SET', 'k', 'x'.repeat(100_000));
    })();
    await here.redis.command('CONFIG', 'SET', 'client-output-buffer-limit', 'replica 1mb 1mb 0');
    const { findings } = await here.site.json<CheckResult>('check');
    const [finding] = findings.filter(({ check }) => check === 'backlog');
    const [limit] = findings.filter(({ check }) => check === 'buffer limit');
    writing = false;
    await written;
    assert.equal(finding?.level, 'warning');
    assert.match(
      limit?.message ?? '',
      /^client-output-buffer-limit replica 1048576 1048576 0 is reached in .*: Redis cuts the archiver off/,
    );
    assert.match(limit?.next ?? '', /CONFIG SET client-output-buffer-limit "replica \d+ 0 0"/);
    assert.match(finding?.message ?? '', /repl-backlog-size 1\.0 MB is overrun in/);
    assert.match(
      finding?.next ?? '',
      /Set repl-backlog-size to \d+ \(.* of memory, which counts against maxmemory \(1\.1 GB\)\)/,
    );
  });

  it('compares the buffer limit with the largest command of the log, also when nothing is written any more', async () => {
    await using here = await stage.siteWith({ config: POLICY }, 'archive: {}');
    await here.redis.command('CONFIG', 'SET', 'client-output-buffer-limit', 'replica 4mb 0 0');
    assert.equal((await found(here.site, 'buffer limit'))[0]?.level, 'ok');
    const archive = new Archive(openStore({ kind: 'file', directory: here.site.dir }), { instance: 'main', shard: '0' });
    await archive.createTimeline(sampleTimeline());
    const now = Date.now();
    for (const [at, largestCommandBytes] of [5, 6 * 1024 * 1024, 7].entries()) {
      const times = { firstAtMs: now - 9000 + at, lastAtMs: now - 9000 + at, marks: [] };
      const late = at === 2 ? [{ from: 1020, to: 1030, sinceMs: now - 80_000, atMs: now - 50_000 }] : [];
      const segment = sampleSegment(1000 + at * 10, 1010 + at * 10, { ...times, late, largestCommandBytes });
      await archive.putSegment(segment, [Buffer.alloc(10, 'x')]);
    }
    const [limit] = await found(here.site, 'buffer limit');
    assert.equal(limit?.level, 'warning');
    assert.match(
      limit?.message ?? '',
      /^client-output-buffer-limit replica 4194304 0 0 is less than what came at once: 6\.3 MB in the log, by /,
    );
    assert.match(limit?.next ?? '', /CONFIG SET client-output-buffer-limit "replica 12582912 0 0"/);
    await here.redis.command('CONFIG', 'SET', 'client-output-buffer-limit', 'replica 12582912 0 0');
    const [raised] = await found(here.site, 'buffer limit');
    assert.equal(raised?.level, 'ok');
    assert.match(raised?.message ?? '', /is enough for 30 s of .*, as long as it paused at .*what came at once: 6\.3 MB/);
  });

  it('takes what Redis never sent, because it is larger than the limit, from the gap that it left', async () => {
    await using here = await stage.siteWith({ config: POLICY }, 'archive: {}');
    await here.redis.command('CONFIG', 'SET', 'client-output-buffer-limit', 'replica 4mb 0 0');
    const archive = new Archive(openStore({ kind: 'file', directory: here.site.dir }), { instance: 'main', shard: '0' });
    const first = sampleTimeline();
    const [ended, newFirst] = [Date.now() - 60_000, 1500 + 5 * 1024 * 1024];
    const parent = { timelineId: first.timelineId, end: 1500, endedAt: new Date(ended).toISOString(), gap: true };
    const again = { timelineId: timelineIdOf(first.replid, newFirst), first: newFirst, reason: 'full-resync', parent } as const;
    await archive.createTimeline(first);
    await archive.createTimeline(sampleTimeline({ ...again, startedAt: new Date(ended + 4_000).toISOString() }));
    const [limit] = await found(here.site, 'buffer limit');
    assert.equal(limit?.level, 'warning');
    assert.match(limit?.message ?? '', /5\.2 MB of which nothing came, before a full resynchronization at/);
  });

  it('says which replicas could not go on, and each gap of the last day with its cause', async () => {
    await using here = await stage.siteWith({ config: POLICY }, 'archive: {}');
    assert.deepEqual(await found(here.site, 'resynchronizations'), []);
    (await openFollower(here.redis.connection, { resume: { replid: 'f'.repeat(40), offset: 16 } })).close();
    const [refused] = await found(here.site, 'resynchronizations');
    assert.match(refused?.message ?? '', /^1 replica wanted to go on since it started .*\(sync_partial_err; sync_full is/);
    const archive = new Archive(openStore({ kind: 'file', directory: here.site.dir }), { instance: 'main', shard: '0' });
    const now = Date.now();
    const first = sampleTimeline({ startedAt: new Date(now - 3_600_000).toISOString() });
    await archive.createTimeline(first);
    assert.equal((await found(here.site, 'gaps'))[0]?.level, 'ok');
    const restartedAt = new Date(now - 2_400_000).toISOString();
    const whole = { timelineId: first.timelineId, end: 1200, endedAt: restartedAt, gap: false, restartedAt };
    const next = { timelineId: timelineIdOf(first.replid, 5000), first: 5000, reason: 'restarted', parent: whole } as const;
    await archive.createTimeline(sampleTimeline({ ...next, startedAt: new Date(now - 2_300_000).toISOString() }));
    const [restarted] = await found(here.site, 'gaps');
    assert.equal(restarted?.level, 'ok');
    assert.match(restarted?.message ?? '', /^the log has had none in the last day; Redis was restarted at .* with nothing lost/);
    const parent = { timelineId: first.timelineId, end: 1500, endedAt: new Date(now - 1_800_000).toISOString(), gap: true };
    const timelineId = timelineIdOf(first.replid, 9000);
    const startedAt = new Date(now - 60_000).toISOString();
    await archive.createTimeline(sampleTimeline({ timelineId, first: 9000, startedAt, reason: 'full-resync', parent }));
    const [gaps] = await found(here.site, 'gaps');
    assert.equal(gaps?.level, 'warning');
    assert.match(
      gaps?.message ?? '',
      /^1 full resynchronization of the archiver in the last day, .*: what came in between was no longer in its backlog$/,
    );
  });

  it('refuses to be counted by min-replicas-to-write, unless that is accepted', async () => {
    const config = { ...POLICY, 'min-replicas-to-write': '1' };
    await using refused = await stage.siteWith({ config }, 'archive: {}');
    const [finding] = await found(refused.site, 'archive');
    assert.equal(finding?.level, 'failed');
    assert.match(finding?.message ?? '', /would count the archiver as one of these replicas/);
    await using accepted = await stage.siteWith({ config }, 'archive: { allowMinReplicas: true }');
    assert.deepEqual(await found(accepted.site, 'archive'), []);
  });
});
