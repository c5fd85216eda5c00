import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { STREAM_BEGIN } from '../../../model/archive/stream-state.ts';
import { Archive } from '../../../repository/archive/archive.ts';
import { startHttpFaultProxy } from '../../support/fault-proxy.ts';
import { openStore, type StoreLocation } from '../../support/open-store.ts';
import { type S3Server, startS3 } from '../../support/s3-server.ts';
import { bytes, collect, keysOf, refuses } from '../bodies.ts';
import { BEGUN, bytesOf, sampleSegment, sampleTimeline, stateAt, storeStream, streamOf, TIMELINE_ID } from './fixtures.ts';

const OTHER_REPLID = 'c0ffee00'.repeat(5);

interface Place {
  location: StoreLocation;
  /** Where the bytes of an object lie. */
  path: (key: string) => string;
}

function itIsAnArchive(place: () => Place): void {
  let count = 0;
  /** An archive that no other test has. */
  const fresh = () => new Archive(openStore(place().location), { instance: `archive-${count++}`, shard: '0' });
  const change = async (key: string, how: (data: Buffer) => Buffer) =>
    writeFile(place().path(key), how(await readFile(place().path(key))));
  const flip = (data: Buffer): Buffer => {
    data[data.length - 20] = (data[data.length - 20] ?? 0) ^ 1;
    return data;
  };

  it('gives a stream back byte for byte, from any offset to any other', async () => {
    const archive = fresh();
    const { stream } = await storeStream(archive, [100, 200, 300]);
    for (const [from, to, start] of [
      [1000, 1600, 1000],
      [1000, 1001, 1000],
      [1150, 1450, 1100],
      [1299, 1301, 1100],
      [1300, 1600, 1300],
    ] as const) {
      const range = await archive.openRange(TIMELINE_ID, from, to);
      assert.deepEqual([range.start, range.end], [start, to]);
      assert.deepEqual(range.startState, stateAt(start));
      assert.deepEqual(await collect(range.body), bytesOf(stream, start, to));
    }
    assert.equal((await collect((await archive.openRange(TIMELINE_ID, 1300, 1300)).body)).length, 0);
  });

  it('tells of each piece of a stretch when it came, as finely as the marks do', async () => {
    const archive = fresh();
    const { instance } = archive;
    const marks = [1020, 1050].map((offset): [number, number] => [offset, BEGUN + offset]);
    const stream = streamOf(200);
    await archive.createTimeline(sampleTimeline({ instance }));
    await archive.putSegment(sampleSegment(1000, 1100, { instance, marks }), [stream.subarray(0, 100)]);
    await archive.putSegment(sampleSegment(1100, 1200, { instance }), [stream.subarray(100)]);
    for (const [from, to, wanted] of [
      [1000, 1200, [1020, 1050, 1100, 1200]],
      [1020, 1060, [1050, 1100]],
      [1030, 1040, [1050]],
      [1150, 1200, [1200]],
    ] as const) {
      const { start, body, atMs } = await archive.openRange(TIMELINE_ID, from, to);
      assert.equal(atMs(), 0);
      let at: number = start;
      const found = new Set<number>();
      for await (const piece of body) {
        at += piece.length;
        if (at <= from) continue; // of the beginning of its segment
        found.add(atMs() - BEGUN);
        assert.ok(at <= atMs() - BEGUN, 'a piece is said to have come before its end');
      }
      assert.deepEqual([...found], wanted);
    }
  });

  it('lists segments in order, and reads each header and body alone', async () => {
    const archive = fresh();
    const { stream, starts } = await storeStream(archive, [100, 200, 300]);
    const segments = await archive.segments(TIMELINE_ID);
    assert.deepEqual(
      segments.map(({ start }) => start),
      starts,
    );
    for (const segment of segments) {
      const { header, body } = await archive.openSegment(segment);
      assert.deepEqual(await archive.header(segment), header);
      assert.deepEqual(await collect(body), bytesOf(stream, header.start, header.end));
    }
    assert.deepEqual(await fresh().segments(TIMELINE_ID), []);
  });

  it('reads a header that is larger than the first request', async () => {
    const archive = fresh();
    const marks = Array.from({ length: 2000 }, (_, i): [number, number] => [1000 + i, BEGUN + i]);
    const segment = sampleSegment(1000, 4000, { marks, instance: archive.instance });
    const stored = await archive.putSegment(segment, [streamOf(3000)]);
    const [found] = await archive.segments(TIMELINE_ID);
    assert.ok(found);
    assert.deepEqual(await archive.header(found), stored);
  });

  it('refuses a second writer at the same offset, and knows the first one again', async () => {
    const archive = fresh();
    const { stream } = await storeStream(archive, [100]);
    const segment = sampleSegment(1100, 1200, { instance: archive.instance });
    const first = await archive.putSegment(segment, [streamOf(100)]);
    assert.deepEqual(await archive.putSegment(segment, [streamOf(100)]), first, 'the answer to the first was lost');
    await refuses(archive.putSegment({ ...segment, attempt: 'b' }, [streamOf(100)]), 'ARCHIVER_REPLACED', /1100 to 1200/);
    const longer = { ...sampleSegment(1100, 1300), instance: archive.instance };
    await refuses(archive.putSegment(longer, [streamOf(200)]), 'ARCHIVER_REPLACED');
    assert.equal((await archive.position(TIMELINE_ID)).end, 1200);
    const range = await archive.openRange(TIMELINE_ID, 1000, 1100);
    assert.deepEqual(await collect(range.body), stream);
  });

  it('refuses a header with another byte than was written, wherever', async () => {
    const archive = fresh();
    await storeStream(archive, [100]);
    const [segment] = await archive.segments(TIMELINE_ID);
    assert.ok(segment);
    for (const [was, is] of [
      ['"db":12', '"db":13'],
      ['[1100,', '[1101,'],
      ['"crc32":"', '"crc31":"'],
      ['"end":1100', '"end":1108'],
    ] as const) {
      await change(segment.key, (data) => Buffer.from(data.toString('latin1').replace(was, is), 'latin1'));
      await refuses(archive.header(segment), 'ARCHIVE_CORRUPT');
      await change(segment.key, (data) => Buffer.from(data.toString('latin1').replace(is, was), 'latin1'));
      await archive.header(segment);
    }
  });

  it('refuses to store what could not be read again', async () => {
    const archive = fresh();
    const { instance } = archive;
    await refuses(archive.putSegment(sampleSegment(1000, 1100, { instance }), [streamOf(99)]), 'INTERNAL', /given 99 bytes/);
    await refuses(archive.putSegment(sampleSegment(1000, 1000, { instance }), []), 'ARCHIVE_CORRUPT', /must be behind start/);
    const shuffled = sampleSegment(1000, 1100, {
      instance,
      marks: [
        [1050, 2],
        [1040, 3],
      ],
    });
    await refuses(archive.putSegment(shuffled, [streamOf(100)]), 'ARCHIVE_CORRUPT', /marks/);
    await refuses(archive.createTimeline(sampleTimeline({ instance, first: 7, timelineId: TIMELINE_ID })), 'ARCHIVE_CORRUPT');
    assert.deepEqual(await keysOf(archive.store, `${instance}/`), []);
  });

  it('makes a timeline once, and never another one in its place', async () => {
    const archive = fresh();
    const timeline = sampleTimeline({ instance: archive.instance });
    await archive.createTimeline(timeline);
    const { kind, ...rest } = timeline;
    await archive.createTimeline({ ...rest, kind }); // the same in another order
    await refuses(archive.createTimeline({ ...timeline, reason: 'full-resync' }), 'OBJECT_EXISTS');
    assert.deepEqual(await archive.timelines(), [timeline]);
  });

  it('lists a timeline behind its parent, whatever the clocks said, and names what it cannot read', async () => {
    const archive = fresh();
    const { instance } = archive;
    const parent = sampleTimeline({ instance });
    const startedAt = new Date(BEGUN - 60_000).toISOString();
    const link = { timelineId: parent.timelineId, end: 2000, endedAt: parent.startedAt, gap: true };
    const child = sampleTimeline({ instance, replid: OTHER_REPLID, first: 5, startedAt, reason: 'full-resync', parent: link });
    await archive.createTimeline(child);
    await archive.createTimeline(parent);
    const folder = (replid: string) => `${instance}/0/archive/${replid}-0000000000000009`;
    await archive.store.put(`${folder('a'.repeat(40))}/timeline.json`, bytes('{"formatVersion": 2}'));
    await archive.store.put(`${folder('b'.repeat(40))}/timeline.json`, bytes('{}'));
    await archive.store.put(`${folder('c'.repeat(40))}/0000000000000009.aof.zst`, bytes('x'));
    await archive.store.put(`${instance}/0/archive/lost-and-found/x`, bytes('x'));
    const { timelines, problems } = await archive.timelinesWithProblems();
    assert.deepEqual(timelines, [parent, child]);
    assert.deepEqual(
      problems.map(({ error }) => error.code),
      ['MANIFEST_VERSION_UNKNOWN', 'ARCHIVE_CORRUPT', 'ARCHIVE_CORRUPT'],
    );
    assert.deepEqual(await archive.newestTimeline(), child);
    assert.equal(await fresh().newestTimeline(), undefined);
  });

  it('knows where a timeline ends without reading what lies before', async () => {
    const archive = fresh();
    await storeStream(archive, Array(30).fill(50));
    const { end, endState, lastAtMs, boundary, segments, beyond, from } = await archive.position(TIMELINE_ID);
    assert.deepEqual(
      { end, endState, lastAtMs, segments, beyond, from, boundary },
      {
        end: 2500,
        endState: stateAt(2500),
        lastAtMs: BEGUN + 2500,
        segments: 30,
        beyond: [],
        from: 1000,
        boundary: { offset: 2500, atMs: BEGUN + 2500 },
      },
    );
  });

  it('goes on with a timeline that has no segment yet where the one before it ended, in its state', async () => {
    const archive = fresh();
    const { instance } = archive;
    await storeStream(archive, [100]);
    const inDb5 = { db: 5, inTransaction: false };
    await archive.putSegment(sampleSegment(1100, 1200, { instance, endState: inDb5 }), [streamOf(100)]);
    const link = { timelineId: TIMELINE_ID, end: 1200, endedAt: new Date(BEGUN).toISOString(), gap: false };
    const next = { instance, replid: OTHER_REPLID, first: 1200, reason: 'continued' as const, parent: link };
    await archive.createTimeline(sampleTimeline(next));
    const position = await archive.position(`${OTHER_REPLID}-0000000000001200`);
    assert.deepEqual([position.end, position.endState, position.segments], [1200, inDb5, 0]);
    const resynced = sampleTimeline({ ...next, replid: 'd'.repeat(40), reason: 'full-resync', parent: { ...link, gap: true } });
    await archive.createTimeline(resynced);
    assert.deepEqual((await archive.position(resynced.timelineId)).endState, STREAM_BEGIN);
    await refuses(archive.position(`${'e'.repeat(40)}-0000000000001200`), 'ARCHIVE_GAP');
  });

  it('refuses a hole, and says from where to where it goes', async () => {
    const archive = fresh();
    const { stream } = await storeStream(archive, [100, 100, 100, 100]);
    const [, , third] = await archive.segments(TIMELINE_ID);
    await rm(place().path(third?.key ?? ''));
    const reading = async (from: number, to: number) => collect((await archive.openRange(TIMELINE_ID, from, to)).body);
    await refuses(reading(1000, 1400), 'ARCHIVE_GAP', /offsets 1200 to 1300 .*from 2026-02-14 06:00:01 UTC until 2026-02-14/);
    await refuses(archive.openRange(TIMELINE_ID, 1250, 1400), 'ARCHIVE_GAP', /1200 to 1300/);
    await refuses(archive.openRange(TIMELINE_ID, 900, 1400), 'ARCHIVE_GAP', /900 to 1000/);
    await refuses(reading(1300, 1500), 'ARCHIVE_GAP', /1400 to 1500/);
    assert.deepEqual(await reading(1000, 1200), bytesOf(stream, 1000, 1200));
    const position = await archive.position(TIMELINE_ID);
    assert.deepEqual([position.end, position.beyond.map(({ start }) => start)], [1200, [1300]]);
  });

  it('refuses a segment with other bytes, and reads the ones before it', async () => {
    const archive = fresh();
    const { stream } = await storeStream(archive, [100, 100, 100]);
    const [, second, last] = await archive.segments(TIMELINE_ID);
    await change(second?.key ?? '', flip);
    const reading = async (from: number, to: number) => collect((await archive.openRange(TIMELINE_ID, from, to)).body);
    await refuses(reading(1000, 1300), 'ARCHIVE_CORRUPT', /0000000000001100.aof.zst is damaged/);
    assert.deepEqual(await reading(1000, 1100), bytesOf(stream, 1000, 1100));
    assert.deepEqual(await reading(1200, 1300), bytesOf(stream, 1200, 1300));
    await change(last?.key ?? '', (data) => data.subarray(0, 50));
    await refuses(reading(1200, 1300), 'ARCHIVE_CORRUPT');
    const position = await archive.position(TIMELINE_ID);
    // A store with checksums of its own notices the other one too, though only its header is wanted.
    assert.ok([1100, 1200].includes(position.end) && position.beyond.length > 0, 'behind it another timeline begins');
  });
}

describe('Archive in a directory', () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'redis-backup-archive-'));
  });
  after(() => rm(directory, { recursive: true, force: true }));
  itIsAnArchive(() => ({ location: { kind: 'file', directory }, path: (key) => join(directory, key) }));
});

describe('Archive in S3', () => {
  let s3: S3Server;
  before(async () => {
    s3 = await startS3();
  });
  after(() => s3.stop());
  itIsAnArchive(() => ({ location: s3.location('team/redis'), path: (key) => join(s3.dir, 'data/backups/team/redis', key) }));

  it('fetches a segment once more when a bit of it flips on the way', async () => {
    await using proxy = await startHttpFaultProxy(s3.port);
    const archive = new Archive(openStore({ ...s3.location('flips'), endpoint: proxy.endpoint }), {
      instance: 'main',
      shard: '0',
    });
    const { stream } = await storeStream(archive, [90_000, 90_000]);
    proxy.flipAt(20_000, 'response', { if: ({ method, url }) => method === 'GET' && url.includes('.aof.zst') });
    const range = await archive.openRange(TIMELINE_ID, 1000, 181_000);
    assert.deepEqual(await collect(range.body), stream);
    archive.store.close();
  });
});
