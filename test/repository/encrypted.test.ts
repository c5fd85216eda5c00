import assert from 'node:assert/strict';
import { crc32 } from 'node:zlib';
import { BASELINE_FORMAT_VERSION, type Baseline } from '../../model/recovery/baseline.ts';
import type { Archive } from '../../repository/archive/archive.ts';
import { chooseFromLog } from '../../repository/archive/choose.ts';
import { withDigest } from '../../repository/manifest-digest.ts';
import { Repository } from '../../repository/repository.ts';
import { sampleManifest } from '../fixtures/manifest.ts';
import { REPLID, storeStream, TIMELINE_ID } from './archive/fixtures.ts';
import { MemoryStore } from './archive/memory-store.ts';
import { bytes, collect, keysOf, refuses } from './bodies.ts';

const MAIN = { instance: 'main', shard: '0' };
const ENCRYPTION = { method: 'age', recipients: ['age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kudzd1jxsrzm7xs'] };
const SAYS = /is encrypted with age: this version cannot read it$/;
const LATER = { olderThanMs: 0, nowMs: Date.now() + 60 * 24 * 3600_000 };
const TIMELINE = `main/0/archive/${TIMELINE_ID}/timeline.json`;

describe('What a newer version has encrypted', () => {
  let store: MemoryStore;
  let repository: Repository;
  let archive: Archive;
  beforeEach(() => {
    store = new MemoryStore();
    repository = new Repository(store);
    archive = repository.archive(MAIN);
  });

  const change = (key: string, changed: (before: Buffer) => Buffer | string) => {
    const object = store.objects.get(key);
    assert.ok(object, `${key} is there`);
    object.bytes = Buffer.from(changed(object.bytes));
  };
  /** As a newer version would write a document: with a right digest, and whatever else it has. */
  const encryptDocument = (key: string) =>
    change(key, (text) => {
      const { digest: _, ...document } = JSON.parse(text.toString());
      return withDigest(`${JSON.stringify({ ...document, encryption: ENCRYPTION, more: 'of it' }, null, 2)}\n`);
    });
  /** The same of the head of a segment. What lies behind it is no zstd frame any more. */
  const encryptSegment = (key: string) =>
    change(key, (object) => {
      const end = 8 + object.readUInt32LE(4);
      const { crc32: _, ...head } = JSON.parse(object.toString('utf8', 8, end));
      const json = JSON.stringify({ ...head, encryption: ENCRYPTION });
      const text = `${json.slice(0, -1)},"crc32":"${crc32(json).toString(16).padStart(8, '0')}"}`;
      const preamble = Buffer.from(object.subarray(0, 8));
      preamble.writeUInt32LE(Buffer.byteLength(text), 4);
      return Buffer.concat([preamble, Buffer.from(text), Buffer.alloc(object.length - end, 7)]);
    });
  /** All keys, before and after. */
  const leavesAll = async (work: () => Promise<unknown>) => {
    const before = await keysOf(store, '');
    await work();
    assert.deepEqual(await keysOf(store, ''), before);
  };

  it('is named as a snapshot: refused by the read of its manifest, listed as a problem, and left where it is', async () => {
    const snapshots = repository.snapshots(MAIN);
    const { backupId } = sampleManifest();
    const stored = await snapshots.write({ ...MAIN, backupId }, bytes('REDIS'));
    await snapshots.publish(sampleManifest({ stored }));
    encryptDocument(`main/0/snapshots/${backupId}/manifest.json`);
    store.reads = 0;
    await refuses(snapshots.read(backupId), 'BACKUP_ENCRYPTED', SAYS);
    assert.equal(store.reads, 1, 'nothing but the manifest is read');
    const { manifests, problems } = await snapshots.listWithProblems();
    assert.deepEqual([manifests, problems.map(({ error }) => error.code)], [[], ['BACKUP_ENCRYPTED']]);
    assert.equal(await snapshots.isTaken(backupId), true);
    await leavesAll(() => repository.sweep(MAIN, LATER));
  });

  it('is named as a copied log, in the same way', async () => {
    const logs = repository.aof(MAIN);
    const { backupId, software, server, replication, times } = sampleManifest();
    const file = { name: 'appendonly.aof', type: 'incr', seq: 1 } as const;
    const stored = await logs.writeFile({ ...MAIN, backupId }, file, bytes('*1\r\n$4\r\nPING\r\n'));
    await logs.publish({
      ...{ formatVersion: 1, kind: 'aof', ...MAIN, backupId, reason: 'manual', software, server, replication, times },
      ...{ form: 'single-file', files: [{ ...file, bytes: 14, stored }] },
    });
    encryptDocument(`main/0/aof/${backupId}/manifest.json`);
    await refuses(logs.read(backupId), 'BACKUP_ENCRYPTED', SAYS);
    const { manifests, problems } = await logs.listWithProblems();
    assert.deepEqual([manifests, problems.map(({ error }) => error.code)], [[], ['BACKUP_ENCRYPTED']]);
    await leavesAll(() => repository.sweep(MAIN, LATER));
  });

  it('is named as a segment: what is before it can be restored, what goes into it is refused, nothing compacts or replaces it', async () => {
    const { stream } = await storeStream(archive, Array(8).fill(100));
    const [, , third] = await archive.segments(TIMELINE_ID);
    assert.ok(third);
    encryptSegment(third.key);
    await refuses(archive.header(third), 'BACKUP_ENCRYPTED', SAYS);
    const range = await archive.openRange(TIMELINE_ID, 1000, 1800);
    await refuses(collect(range.body), 'BACKUP_ENCRYPTED', SAYS);
    const { damage } = await archive.extents();
    assert.deepEqual(
      damage.map(({ what, from, to }) => ({ what, from, to })),
      [{ what: 'segment', from: 1200, to: 1300 }],
    );
    assert.match(damage[0]?.why ?? '', SAYS);
    const snapshots = [sampleManifest({ replication: { replid: REPLID, offset: 1000 } })];
    const chosen = await chooseFromLog(archive, { until: `${TIMELINE_ID}@1200`, snapshots });
    assert.deepEqual(chosen.log.ranges, [{ timelineId: TIMELINE_ID, from: 1000, to: 1200 }]);
    const before = store.objects.get(third.key)?.bytes;
    const { problems } = await archive.compact(TIMELINE_ID, { olderThanMs: 0, nowMs: LATER.nowMs });
    assert.deepEqual([...new Set(problems.map(({ code }) => code))], ['BACKUP_ENCRYPTED']);
    assert.equal(store.objects.get(third.key)?.bytes, before);
    assert.ok(stream.subarray(0, 200).equals(await collect((await archive.openRange(TIMELINE_ID, 1000, 1200)).body)));
  });

  it('is named at the end of the log: no archiver goes on behind it, or beside it', async () => {
    await storeStream(archive, [100, 100]);
    const last = (await archive.segments(TIMELINE_ID)).at(-1);
    encryptSegment(last?.key ?? '');
    await refuses(archive.position(TIMELINE_ID), 'BACKUP_ENCRYPTED', SAYS);
  });

  it('is named as a compacted segment, and its originals stay where they are still there', async () => {
    await storeStream(archive, Array(8).fill(100));
    const originals = [...store.objects];
    const { compacted } = await archive.compact(TIMELINE_ID, { olderThanMs: 0, nowMs: LATER.nowMs });
    for (const [key, object] of originals) store.objects.set(key, object); // as if the compaction had died before it deleted
    encryptSegment(compacted[0]?.key ?? '');
    await leavesAll(async () => {
      const { problems } = await archive.compact(TIMELINE_ID, { olderThanMs: 0, nowMs: LATER.nowMs });
      assert.ok(problems.length > 0 && problems.every(({ code }) => code === 'BACKUP_ENCRYPTED'), String(problems));
    });
  });

  it('is named as a timeline, and retention touches nothing of it', async () => {
    await storeStream(archive, [100, 100]);
    encryptDocument(TIMELINE);
    const { timelines, problems } = await archive.timelinesWithProblems();
    assert.deepEqual([timelines, problems.map(({ error }) => error.code)], [[], ['BACKUP_ENCRYPTED']]);
    assert.match((await archive.extents()).damage[0]?.why ?? '', SAYS);
    await leavesAll(async () => {
      const retained = await archive.retain([], LATER);
      assert.deepEqual([retained.removed, retained.problems.length], [[], 1]);
    });
  });

  it('is left out as a baseline, as all that cannot be read of what is remembered', async () => {
    const baselines = repository.baselines(MAIN);
    const baseline: Baseline = {
      ...{ formatVersion: BASELINE_FORMAT_VERSION, kind: 'baseline', ...MAIN, windowSeconds: 30, lookups: 10, hits: 9, keys: 1 },
      ...{ replicas: [], server: sampleManifest().server, baselineId: '20260214T060041Z' },
    };
    await baselines.write(baseline);
    await baselines.write({ ...baseline, baselineId: '20260214T070041Z' });
    encryptDocument('main/0/baselines/20260214T070041Z.json');
    assert.deepEqual(await baselines.newest(), baseline);
  });

  it('is named as a pin or an owner: it may protect anything, or belong to anybody', async () => {
    await repository.pins(MAIN).put({ backupId: '20260214T060000Z', planId: 'plan', untilMs: 0, reason: 'a test' });
    encryptDocument('main/0/pins/20260214T060000Z/plan.json');
    await refuses(repository.pins(MAIN).list(), 'MANIFEST_INVALID', SAYS);
    const owner = { instance: 'main', address: '10.0.0.5:6379', since: '2026-08-01T06:00:00.000Z', before: [] };
    await repository.ownership('main').claim(owner);
    encryptDocument('main/owner.json');
    await refuses(repository.ownership('main').read(), 'MANIFEST_INVALID', SAYS);
  });

  it('says that it does not know the method, where none is named', async () => {
    const snapshots = repository.snapshots(MAIN);
    for (const encryption of [null, {}, 7, 'x'.repeat(1000), { method: ['age'] }]) {
      const text = JSON.stringify({ formatVersion: 1, encryption });
      await store.put('main/0/snapshots/20260214T060000Z/manifest.json', bytes(text));
      await refuses(snapshots.read('20260214T060000Z'), 'BACKUP_ENCRYPTED', /is encrypted with a method that it does not name: /);
    }
  });
});
