import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beyondText } from '../../../model/backup/unusable.ts';
import { Archive } from '../../../repository/archive/archive.ts';
import { chooseFromLog } from '../../../repository/archive/choose.ts';
import { sampleManifest } from '../../fixtures/manifest.ts';
import { openStore, type StoreLocation } from '../../support/open-store.ts';
import { type S3Server, startS3 } from '../../support/s3-server.ts';
import { refuses } from '../bodies.ts';
import { BEGUN, REPLID, sampleSegment, sampleTimeline, storeStream, streamOf, TIMELINE_ID } from './fixtures.ts';

const OTHER_REPLID = 'c0ffee00'.repeat(5);

function itTellsWhatIsDamaged(place: () => { location: StoreLocation; path: (key: string) => string }): void {
  let count = 0;
  const fresh = () => new Archive(openStore(place().location), { instance: `damaged-${count++}`, shard: '0' });
  /** A header with other bytes than were written. */
  const damage = async (archive: Archive, at: number, timelineId = TIMELINE_ID) => {
    const path = place().path((await archive.segments(timelineId)).at(at)?.key ?? '');
    await writeFile(path, (await readFile(path)).fill(0, 20, 40));
  };
  const remove = async (archive: Archive, at: number) => {
    await rm(place().path((await archive.segments(TIMELINE_ID)).at(at)?.key ?? ''));
  };
  const base = (offset: number) => sampleManifest({ replication: { replid: REPLID, offset } });
  const choose = (archive: Archive, until: string, offsets: number[]) =>
    chooseFromLog(archive, { until, snapshots: offsets.map(base) });
  const at = (ms: number) => new Date(BEGUN + ms).toISOString();

  it('says what of the end is damaged, and that `latest` is before it', async () => {
    const archive = fresh();
    await storeStream(archive, [1000, 1000, 1000]);
    await damage(archive, -1);
    const { log, beyond } = await choose(archive, 'latest', [1000]);
    assert.deepEqual(log.ranges, [{ timelineId: TIMELINE_ID, from: 1000, to: 3000 }]);
    assert.deepEqual(
      beyond.map(({ what, id, from, to, fromMs }) => ({ what, id, from, to, fromMs })),
      [{ what: 'segment', id: TIMELINE_ID, from: 3000, to: undefined, fromMs: BEGUN + 3000 }],
    );
    assert.match(beyondText(beyond[0] as never), /^from offset 3000 on of the log .* cannot be read: .*damaged/);
  });

  it('does not say that the archive ends where only what can be read of it ends', async () => {
    const archive = fresh();
    await storeStream(archive, [1000, 1000, 1000]);
    await damage(archive, -1);
    await refuses(
      choose(archive, at(3500), [1000]),
      'ARCHIVE_GAP',
      /as far as it can be read, the archive ends at 2026-02-14 06:00:03 UTC; from offset 3000 on of the log .* cannot be read/,
    );
    const whole = fresh();
    await storeStream(whole, [1000]);
    await refuses(choose(whole, at(3500), [1000]), 'ARCHIVE_GAP', /to that moment: the archive ends at 2026-02-14 06:00:02 UTC$/);
  });

  it('finds a hole while it plans, as the run does, and offers what lies before and behind it', async () => {
    const archive = fresh();
    await storeStream(archive, [1000, 1000, 1000, 1000]);
    await remove(archive, 1);
    const { extents, damage: found } = await archive.extents();
    assert.deepEqual(
      extents[0]?.stretches.map(({ from, end }) => [from, end]),
      [
        [1000, 2000],
        [3000, 5000],
      ],
    );
    assert.deepEqual(
      found.map(({ what, from, to, fromMs, toMs }) => ({ what, from, to, fromMs, toMs })),
      [{ what: 'hole', from: 2000, to: 3000, fromMs: BEGUN + 2000, toMs: BEGUN + 3000 }],
    );
    await refuses(
      choose(archive, 'latest', [1000]),
      'ARCHIVE_GAP',
      /offsets 2000 to 3000 of the log .* are not in the repository/,
    );
    assert.deepEqual((await choose(archive, 'latest', [1000, 3500])).beyond, []);
    const before = await choose(archive, at(2000), [1000]);
    assert.deepEqual([before.log.ranges[0]?.to, before.beyond.map(({ what }) => what)], [2000, ['hole']]);
  });

  it('finds a hole among compacted segments', async () => {
    const archive = fresh();
    await storeStream(archive, Array(8).fill(1000));
    await archive.compact(TIMELINE_ID, { nowMs: Date.now() + 48 * 3_600_000, maxRawBytes: 2000 });
    const segments = await archive.segments(TIMELINE_ID);
    assert.ok(segments[1]?.compacted);
    await remove(archive, 1);
    const { extents, damage: found } = await archive.extents();
    assert.deepEqual(
      extents[0]?.stretches.map(({ from, end }) => [from, end]),
      [
        [1000, 3000],
        [5000, 9000],
      ],
    );
    assert.deepEqual(
      found.map(({ what, from, to }) => ({ what, from, to })),
      [{ what: 'hole', from: 3000, to: 5000 }],
    );
  });

  it('knows by the next timeline that the end of the one before is missing', async () => {
    const archive = fresh();
    const { instance } = archive;
    await storeStream(archive, [1000, 1000]);
    const parent = { timelineId: TIMELINE_ID, end: 3000, endedAt: at(3000), gap: false };
    const next = { instance, replid: OTHER_REPLID, first: 3000, startedAt: at(3000), reason: 'continued' as const, parent };
    await archive.createTimeline(sampleTimeline(next));
    await remove(archive, 1);
    const { damage: found } = await archive.extents();
    assert.deepEqual(
      found.map(({ what, from, to }) => ({ what, from, to })),
      [{ what: 'hole', from: 2000, to: 3000 }],
    );
  });

  it('says of a timeline that cannot be read since when it is written, by the clock of the store', async () => {
    const archive = fresh();
    const { instance } = archive;
    await storeStream(archive, [1000]);
    const parent = { timelineId: TIMELINE_ID, end: 2000, endedAt: at(2000), gap: true };
    const timeline = sampleTimeline({
      instance,
      replid: OTHER_REPLID,
      first: 5,
      startedAt: at(9000),
      reason: 'full-resync',
      parent,
    });
    await archive.createTimeline(timeline);
    const { timelineId } = timeline;
    await archive.putSegment(sampleSegment(5, 105, { instance, timelineId }), [streamOf(100)]);
    assert.deepEqual(
      (await archive.extents()).gaps.map(({ fromMs, toMs }) => [fromMs, toMs]),
      [[BEGUN + 2000, BEGUN + 9000]],
    );
    await writeFile(place().path(`${instance}/0/archive/${timelineId}/timeline.json`), '{');
    const { log, beyond } = await choose(archive, 'latest', [1000]);
    assert.equal(log.ranges[0]?.to, 2000);
    assert.deepEqual(
      beyond.map(({ what, id }) => [what, id]),
      [['timeline', timelineId]],
    );
    assert.ok(Math.abs((beyond[0]?.toMs ?? 0) - Date.now()) < 60_000 && (beyond[0]?.bytes ?? 0) > 100);
  });

  it('says of a stretch whose clock was ahead of that of the store that no time in it is certain', async () => {
    const archive = fresh();
    const { instance } = archive;
    const ahead = Date.now() + 60 * 24 * 3_600_000;
    const begun = Date.now() - 3_600_000;
    const real = (from: number, to: number) => ({ firstAtMs: begun + from, lastAtMs: begun + to, marks: [] });
    const wrong = { firstAtMs: ahead, lastAtMs: ahead + 1000, marks: [] };
    const destructive = [{ command: 'FLUSHALL', before: 2000, after: 3000, atMs: ahead, db: 0 }];
    await archive.createTimeline(sampleTimeline({ instance, startedAt: new Date(begun).toISOString() }));
    await archive.putSegment(sampleSegment(1000, 2000, { instance, ...real(0, 1000) }), [streamOf(1000)]);
    await archive.putSegment(sampleSegment(2000, 3000, { instance, ...wrong, destructive }), [streamOf(1000)]);
    const parent = { timelineId: TIMELINE_ID, end: 3000, endedAt: new Date(ahead + 1000).toISOString(), gap: false };
    const startedAt = new Date(begun + 5000).toISOString();
    const next = { instance, replid: REPLID, first: 3000, startedAt, reason: 'continued' as const, parent };
    await archive.createTimeline(sampleTimeline(next));
    const timelineId = `${REPLID}-0000000000003000`;
    await archive.putSegment(sampleSegment(3000, 4000, { instance, timelineId, ...real(5000, 6000) }), [streamOf(1000)]);
    const extents = await archive.extents();
    assert.deepEqual(
      extents.clocks.map(({ what, from, to, fromMs }) => [what, from, to, fromMs]),
      [['clock', 1000, 3000, begun]],
    );
    const latest = await choose(archive, 'latest', [1000]);
    assert.deepEqual(
      [latest.log.ranges.length, latest.log.untilMs, latest.log.endsMs, latest.doubts],
      [2, begun + 6000, begun + 6000, []],
    );
    const { log, doubts } = await choose(archive, new Date(begun + 5500).toISOString(), [1000]);
    assert.equal(log.ranges.at(-1)?.to, 3000);
    assert.match(
      doubts[0] ?? '',
      /^the moment is not certain: the log \(timeline .*\) says that it is from .* a clock was ahead, and no time in/,
    );
    const search = await archive.destructive(extents, { fromMs: begun, toMs: Date.now() });
    assert.deepEqual(
      [search.found.length, search.unread.map(({ what }) => what)],
      [1, ['clock']],
      'its FLUSHALL is found all the same',
    );
  });

  it('says what of a time was searched for destructive commands, and what was not', async () => {
    const archive = fresh();
    const { instance } = archive;
    await storeStream(archive, [1000, 1000, 1000, 1000]);
    await archive.putSegment(sampleSegment(5000, 6000, { instance, unknownCommands: ['wipe'] }), [streamOf(1000)]);
    await damage(archive, 1);
    const search = async (fromMs: number, toMs: number) =>
      archive.destructive(await archive.extents(), { fromMs: BEGUN + fromMs, toMs: BEGUN + toMs });
    const whole = await search(0, 10_000);
    assert.deepEqual(whole.searched, [
      { fromMs: BEGUN + 1000, toMs: BEGUN + 2000 },
      { fromMs: BEGUN + 3000, toMs: BEGUN + 6000 },
    ]);
    assert.deepEqual([whole.unread.map(({ from, to }) => [from, to]), whole.unknownCommands], [[[2000, 3000]], ['wipe']]);
    const later = await search(3500, 4500);
    assert.deepEqual([later.searched.length, later.unread, later.unknownCommands], [1, [], []]);
    assert.deepEqual((await search(20_000, 30_000)).searched, []);
  });
}

describe('Damage of an archive in a directory', () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'redis-backup-damage-'));
  });
  after(() => rm(directory, { recursive: true, force: true }));
  itTellsWhatIsDamaged(() => ({ location: { kind: 'file', directory }, path: (key) => join(directory, key) }));
});

describe('Damage of an archive in S3', () => {
  let s3: S3Server;
  before(async () => {
    s3 = await startS3();
  });
  after(() => s3.stop());
  itTellsWhatIsDamaged(() => ({
    location: s3.location('team/redis'),
    path: (key) => join(s3.dir, 'data/backups/team/redis', key),
  }));
});
