import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SnapshotManifest } from '../../model/backup/manifest.ts';
import { backupIdAt } from '../../model/instance.ts';
import type { BackupRef } from '../../repository/layout.ts';
import { formatManifest } from '../../repository/manifest.ts';
import { Repository } from '../../repository/repository.ts';
import type { StoredObject } from '../../repository/snapshots.ts';
import type { ObjectInfo } from '../../repository/stores/object-store.ts';
import { sampleManifest } from '../fixtures/manifest.ts';
import { openStore } from '../support/open-store.ts';
import { bytes, collect, cutShort, keysOf, refuses } from './bodies.ts';
import { inEachPlace, type Place, refAt } from './places.ts';

const rdb = Buffer.from(`REDIS0010${randomBytes(400_000).toString('hex')}`);
const DAY_MS = 24 * 3600_000;

function itIsARepository(place: () => Place): void {
  let repository: Repository;
  beforeEach(() => {
    repository = new Repository(openStore(place().location));
  });
  afterEach(() => repository.close());

  const manifestOf = (ref: BackupRef, stored: StoredObject): SnapshotManifest => {
    const sample = sampleManifest({ ...ref, stored });
    return { ...sample, rdb: { ...sample.rdb, bytes: rdb.length } };
  };
  const backUp = async (ref: BackupRef): Promise<SnapshotManifest> => {
    const manifest = manifestOf(ref, await repository.snapshots(ref).write(ref, bytes(rdb)));
    await repository.snapshots(manifest).publish(manifest);
    return manifest;
  };

  it('gives an RDB back byte for byte, and counts on the way', async () => {
    const ref = refAt(1);
    const written: { rawBytes: number; storedBytes: number }[] = [];
    const spool = { directory: tmpdir(), maxBytes: 1_000_000 };
    const stored = await repository
      .snapshots(ref)
      .write(ref, bytes(rdb), { spool, onProgress: (progress) => written.push(progress) });
    assert.deepEqual(written.at(-1), { rawBytes: rdb.length, storedBytes: stored.bytes });
    assert.equal(
      stored.sha256,
      createHash('sha256')
        .update(await readFile(place().path(keyOf(ref, stored.file))))
        .digest('hex'),
    );
    const manifest = manifestOf(ref, stored);
    await repository.snapshots(ref).verify(manifest);
    await repository.snapshots(manifest).publish(manifest);
    assert.deepEqual(await repository.snapshots(ref).read(ref.backupId), manifest);
    const read: { rawBytes: number; storedBytes: number }[] = [];
    const back = await collect(repository.snapshots(manifest).open(manifest, { onProgress: (progress) => read.push(progress) }));
    assert.ok(rdb.equals(back));
    assert.deepEqual(read.at(-1), { rawBytes: rdb.length, storedBytes: stored.bytes });
  });

  it('does not know a snapshot before its manifest is there', async () => {
    const ref = refAt(2, 'unfinished');
    const stored = await repository.snapshots(ref).write(ref, bytes(rdb));
    assert.deepEqual(await repository.snapshots({ instance: 'unfinished', shard: '0' }).list(), []);
    await refuses(repository.snapshots(ref).read(ref.backupId), 'BACKUP_MISSING', /has no backup 20260214T020000Z of unfinished/);
    assert.equal(await repository.snapshots(ref).isTaken(ref.backupId), true);
    await repository.snapshots(ref).publish(manifestOf(ref, stored));
    assert.equal((await repository.snapshots({ instance: 'unfinished', shard: '0' }).list()).length, 1);
  });

  it('publishes the same manifest twice, and never another one', async () => {
    const manifest = await backUp(refAt(3));
    await repository.snapshots(manifest).publish(manifest);
    await refuses(repository.snapshots(manifest).publish({ ...manifest, reason: 'manual' }), 'OBJECT_EXISTS');
    assert.equal((await repository.snapshots(manifest).read(manifest.backupId)).reason, 'scheduled');
  });

  it('publishes no manifest whose object is not there, or cut', async () => {
    const ref = refAt(4);
    const nothing = { file: 'dump.rdb.zst', bytes: 10, sha256: 'a'.repeat(64), compression: 'zstd' as const };
    await refuses(repository.snapshots(ref).publish(manifestOf(ref, nothing)), 'OBJECT_MISSING');
    const stored = await repository.snapshots(ref).write(ref, bytes(rdb));
    await refuses(repository.snapshots(ref).publish(manifestOf(ref, { ...stored, bytes: stored.bytes + 1 })), 'BACKUP_CORRUPT');
    await refuses(repository.snapshots(ref).publish({ ...manifestOf(ref, stored), instance: 'Not a name' }), 'INPUT_INVALID');
    await refuses(repository.snapshots(ref).read(ref.backupId), 'BACKUP_MISSING');
  });

  it('never overwrites a snapshot', async () => {
    const manifest = await backUp(refAt(5));
    await refuses(repository.snapshots(manifest).write(manifest, bytes('other')), 'OBJECT_EXISTS');
    assert.ok(rdb.equals(await collect(repository.snapshots(manifest).open(manifest))));
  });

  it('leaves nothing of an RDB that was cut short or cancelled', async () => {
    const ref = refAt(6, 'cut');
    await assert.rejects(repository.snapshots(ref).write(ref, cutShort(rdb)), /connection lost/);
    const spool = { directory: tmpdir(), maxBytes: 1_000_000 };
    await assert.rejects(repository.snapshots(ref).write(ref, cutShort(rdb), { spool }), /connection lost/);
    await assert.rejects(
      repository.snapshots(ref).write(ref, bytes(rdb), { signal: AbortSignal.abort(new Error('enough')) }),
      /enough/,
    );
    assert.deepEqual(await keysOf(repository.store, 'cut/'), []);
  });

  it('lists oldest first, and names what it cannot read', async () => {
    const instance = 'listed';
    for (const hour of [9, 7, 8]) await backUp(refAt(hour, instance));
    const bad = async (hour: number, text: string) =>
      repository.store.put(keyOf(refAt(hour, instance), 'manifest.json'), bytes(text));
    await bad(10, '');
    await bad(11, '{"formatVersion": 2}');
    await repository.store.put(`${instance}/0/snapshots/lost-and-found/x`, bytes('x'));
    const { manifests, problems } = await repository.snapshots({ instance, shard: '0' }).listWithProblems();
    assert.deepEqual(
      manifests.map(({ backupId }) => backupId.slice(9, 11)),
      ['07', '08', '09'],
    );
    assert.deepEqual(
      problems.map(({ error }) => error.code),
      ['MANIFEST_INVALID', 'MANIFEST_VERSION_UNKNOWN'],
    );
    assert.deepEqual(await repository.snapshots({ instance, shard: '0' }).list(), manifests);
    assert.deepEqual(await repository.shards(instance), ['0']);
    assert.deepEqual(await repository.snapshots({ instance: 'nobody', shard: '0' }).list(), []);
  });

  it('names a snapshot whose RDB is gone or was cut, though its manifest is whole, and lists the others', async () => {
    const whole = await backUp(refAt(7, 'incomplete'));
    const cut = await backUp(refAt(8, 'incomplete'));
    const gone = await backUp(refAt(9, 'incomplete'));
    const emptied = await backUp(refAt(10, 'incomplete'));
    await repository.store.delete(keyOf(gone, 'dump.rdb.zst'));
    for (const [manifest, body] of [
      [cut, 'REDIS'],
      [emptied, ''],
    ] as const)
      await repository.store.put(keyOf(manifest, 'dump.rdb.zst'), bytes(body));
    const { manifests, problems } = await repository.snapshots({ instance: 'incomplete', shard: '0' }).listWithProblems();
    assert.deepEqual(manifests, [whole]);
    assert.deepEqual(
      problems.map(({ backupId, error }) => [backupId, error.code]),
      [cut, gone, emptied].map(({ backupId }) => [backupId, 'BACKUP_CORRUPT']),
    );
    assert.match(problems[0]?.error.message ?? '', /dump\.rdb\.zst has 5 bytes, the manifest says \d+$/);
    assert.match(problems[1]?.error.message ?? '', /dump\.rdb\.zst is not in the store, and the manifest names it$/);
    await refuses(repository.snapshots(gone).read(gone.backupId), 'BACKUP_CORRUPT', /is not in the store/);
  });

  it('takes a snapshot that is published or deleted while the store is listed for what it is then', async () => {
    const ref = refAt(7, 'racing');
    type List = (prefix: string) => AsyncIterable<ObjectInfo>;
    const listedBy = (list: List) => {
      const store = openStore(place().location);
      return new Repository(Object.assign(store, { list })).snapshots({ instance: 'racing', shard: '0' }).listWithProblems();
    };
    const andThen = (action: () => Promise<unknown>): List =>
      async function* (prefix) {
        yield* repository.store.list(prefix);
        await action();
      };
    await repository.snapshots(ref).write(ref, bytes(rdb));
    const none = { manifests: [], problems: [] };
    assert.deepEqual(
      await listedBy(andThen(() => repository.snapshots(ref).delete(ref.backupId))),
      none,
      'an upload that is under way',
    );
    assert.deepEqual(await listedBy(andThen(() => backUp(ref))), none, 'there was none when the list began');
    const passedBy: List = async function* (prefix) {
      for await (const object of repository.store.list(prefix)) if (!object.key.endsWith('.zst')) yield object;
    };
    const { manifests, problems } = await listedBy(passedBy);
    assert.deepEqual([manifests.length, problems], [1, []], 'its RDB came where the list had gone by');
    assert.deepEqual(await listedBy(andThen(() => repository.snapshots(ref).delete(ref.backupId))), none, 'deleted meanwhile');
  });

  it('gives each of many writers an id of its own, the next that is free', async () => {
    const place = { instance: 'claimed', shard: '0' };
    const takenAtMs = Date.UTC(2026, 1, 14, 6);
    await backUp({ ...place, backupId: backupIdAt(takenAtMs + 2000) });
    const refs = await Promise.all(
      Array.from({ length: 6 }, () => repository.snapshots(place).withClaim(takenAtMs, async (ref) => ref)),
    );
    assert.deepEqual(
      refs.map(({ backupId }) => backupId).sort(),
      [0, 1, 3, 4, 5, 6].map((second) => backupIdAt(takenAtMs + second * 1000)),
    );
    assert.equal((await repository.snapshots({ instance: 'claimed', shard: '0' }).list()).length, 1, 'a claim is no backup');
    await repository.sweep({ instance: 'claimed', shard: '0' }, { olderThanMs: DAY_MS, nowMs: Date.now() + 2 * DAY_MS });
    assert.equal((await keysOf(repository.store, 'claimed/')).length, 2);
  });

  it('says by how much the clock of the store is another one', async () => {
    const offsets: number[] = [];
    const onClock = (offset: number) => offsets.push(offset);
    await repository.snapshots(refAt(19)).write(refAt(19), bytes(rdb), { onClock });
    await repository.snapshots(refAt(19)).write(refAt(20), bytes(rdb), { onClock, now: () => Date.now() + 60 * DAY_MS });
    await repository.snapshots(refAt(19)).write(refAt(21), bytes(rdb), { onClock, now: () => Date.now() - 60 * DAY_MS });
    const days = offsets.map((offset) => Math.round(offset / DAY_MS) + 0);
    assert.deepEqual(days, [0, -60, 60]);
  });

  it('deletes the manifest first, and everything else after it', async () => {
    const manifest = await backUp(refAt(12, 'deleted'));
    await repository.snapshots(manifest).delete(manifest.backupId);
    assert.deepEqual(await keysOf(repository.store, 'deleted/'), []);
    await repository.snapshots(manifest).delete(manifest.backupId);
  });

  it('sweeps old snapshots without a manifest, only those, and only when told to', async () => {
    const instance = 'swept';
    const whole = await backUp(refAt(14, instance));
    const half = refAt(15, instance);
    await repository.snapshots(half).write(half, bytes(rdb));
    const options = { olderThanMs: DAY_MS, nowMs: Date.now() + 2 * DAY_MS };
    assert.deepEqual(await repository.sweep({ instance, shard: '0' }, { olderThanMs: DAY_MS }), [], 'too young');
    const named = await repository.sweep({ instance, shard: '0' }, { ...options, dryRun: true });
    assert.deepEqual(
      named.map(({ key, why }) => [key, why]),
      [[keyOf(half, 'dump.rdb.zst'), 'no manifest']],
    );
    assert.deepEqual(await repository.sweep({ instance, shard: '0' }, options), named);
    assert.equal(await repository.snapshots(half).isTaken(half.backupId), false);
    assert.ok(rdb.equals(await collect(repository.snapshots(whole).open(whole))));
  });

  it('refuses a snapshot that lies there with other bytes', async () => {
    const damage = async (hour: number, change: (path: string) => Promise<void>) => {
      const manifest = await backUp(refAt(hour, 'damaged'));
      await change(place().path(keyOf(manifest, manifest.stored.file)));
      return collect(repository.snapshots(manifest).open(manifest));
    };
    const flip = async (path: string) => {
      const data = await readFile(path);
      data[data.length >> 1] = (data[data.length >> 1] ?? 0) ^ 1;
      await writeFile(path, data);
    };
    // S3 keeps a checksum of its own and may notice first.
    await assert.rejects(damage(1, flip), ({ code }) => code === 'BACKUP_CORRUPT' || code === 'OBJECT_CORRUPT');
    await assert.rejects(
      damage(2, (path) => truncate(path, 1000)),
      ({ code }) => code === 'BACKUP_CORRUPT' || code === 'OBJECT_CORRUPT',
    );
    await refuses(
      damage(3, (path) => rm(path)),
      'OBJECT_MISSING',
    );
  });

  it('refuses an RDB of another size than the manifest has', async () => {
    const manifest = await backUp(refAt(16));
    for (const size of [rdb.length - 1, rdb.length + 1]) {
      await refuses(
        collect(repository.snapshots(manifest).open({ ...manifest, rdb: { ...manifest.rdb, bytes: size } })),
        'BACKUP_CORRUPT',
      );
    }
  });

  it('proves that it can write, read, list and delete, and leaves nothing', async () => {
    await repository.probeWritable();
    assert.deepEqual(await keysOf(repository.store, '_'), []);
  });

  for (const stage of ['during the upload', 'between upload and manifest']) {
    it(`shows no backup whose writer was killed ${stage}`, async () => {
      const instance = stage.startsWith('during') ? 'killed-early' : 'killed-late';
      const ref = refAt(17, instance);
      const child = spawn(process.execPath, [join(import.meta.dirname, 'write-and-wait.ts')], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      child.stdin.end(JSON.stringify({ location: place().location, ref, stage }));
      await once(child.stdout, 'data'); // it is where we want it
      child.kill('SIGKILL');
      await once(child, 'exit');
      assert.deepEqual(await repository.snapshots({ instance, shard: '0' }).listWithProblems(), { manifests: [], problems: [] });
      await refuses(repository.snapshots(ref).read(ref.backupId), 'BACKUP_MISSING');
      await repository.sweep({ instance, shard: '0' }, { olderThanMs: DAY_MS, nowMs: Date.now() + 2 * DAY_MS });
      assert.deepEqual(await keysOf(repository.store, `${instance}/`), []);
      assert.deepEqual(await repository.store.sweepUnfinished(`${instance}/`, Date.now() + DAY_MS, { dryRun: true }), []);
      await backUp(ref); // the id is free again
    });
  }

  it('lists hundreds of backups', async () => {
    const manifest = await backUp(refAt(18, 'many'));
    const ids = Array.from({ length: 300 }, (_, index) => backupIdAt(Date.UTC(2026, 2, 1) + index * 6 * 3600_000));
    const publish = async (backupId: string) => {
      await repository.store.put(keyOf({ ...manifest, backupId }, 'dump.rdb.zst'), bytes(Buffer.alloc(manifest.stored.bytes)));
      await repository.store.put(
        keyOf({ ...manifest, backupId }, 'manifest.json'),
        bytes(formatManifest({ ...manifest, backupId })),
      );
    };
    for (let at = 0; at < ids.length; at += 30) await Promise.all(ids.slice(at, at + 30).map(publish));
    assert.equal((await repository.snapshots({ instance: 'many', shard: '0' }).list()).length, 301);
  }).timeout(60_000);
}

const keyOf = ({ instance, shard, backupId }: BackupRef, file: string) => `${instance}/${shard}/snapshots/${backupId}/${file}`;

inEachPlace('Repository', itIsARepository);
