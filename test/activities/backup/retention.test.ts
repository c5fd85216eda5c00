import assert from 'node:assert/strict';
import { createRetentionActivities } from '../../../activities/backup/retention.ts';
import type { Dependencies } from '../../../activities/dependencies.ts';
import { runAsJob } from '../../../activities/job-context.ts';
import { backupIdAt } from '../../../model/instance.ts';
import { Archive } from '../../../repository/archive/archive.ts';
import { Repository } from '../../../repository/repository.ts';
import { sampleManifest } from '../../fixtures/manifest.ts';
import { REPLID, storeStream } from '../../repository/archive/fixtures.ts';
import { MemoryStore } from '../../repository/archive/memory-store.ts';
import { bytes, keysOf } from '../../repository/bodies.ts';

const HOUR = 3_600_000;
const DAYS_60 = 60 * 24 * HOUR;

const MAIN = { instance: 'main', shard: '0' };

describe('The retention of a worker with a wrong clock', () => {
  const applied = async (aheadMs: number, backups: { hoursAgo: number; storeOffsetMs?: number }[]) => {
    const store = new MemoryStore();
    const repository = new Repository(store);
    for (const { hoursAgo, storeOffsetMs } of backups) {
      const atMs = Date.now() - hoursAgo * HOUR;
      const ref = { instance: 'main', shard: '0', backupId: backupIdAt(atMs) };
      const stored = await repository.snapshots(ref).write(ref, bytes('REDIS'));
      const takenAt = new Date(atMs).toISOString();
      const times = { takenAt, clockOffsetMs: 0, finishedAt: takenAt, ...(storeOffsetMs === undefined ? {} : { storeOffsetMs }) };
      await repository.snapshots(ref).publish(sampleManifest({ ...ref, stored, times }));
    }
    const upload = await repository.snapshots({ instance: 'main', shard: '0' }).withClaim(Date.now(), async (ref) => {
      await repository.snapshots(ref).write(ref, bytes('under way'));
      return ref;
    });
    const deps: Partial<Dependencies> = {
      now: () => Date.now() + aheadMs,
      instance: async () => ({ retention: { keepLast: 2, keepWithinMs: HOUR } }) as never,
      repository: async () => repository,
      archive: async () => new Archive(store, { instance: 'main', shard: '0' }),
    };
    const job = { attempt: 1, signal: new AbortController().signal, operationId: 'test', progress: () => undefined };
    const result = await runAsJob(job, () =>
      createRetentionActivities(deps as Dependencies).applyRetention({ instance: 'main' }),
    );
    return {
      result,
      uploadIsThere: await repository.snapshots(upload).isTaken(upload.backupId),
      left: (await repository.snapshots({ instance: 'main', shard: '0' }).list()).length,
    };
  };
  const usual = [30, 20, 10, 5].map((hoursAgo) => ({ hoursAgo }));

  it('deletes what it would delete with a right one, and no upload that is under way', async () => {
    for (const aheadMs of [0, DAYS_60]) {
      const { result, uploadIsThere, left } = await applied(aheadMs, usual);
      assert.deepEqual([result.removed.length, result.swept, uploadIsThere, left], [2, [], true, 2], `${aheadMs}`);
    }
  });

  it('deletes nothing real because of one that was taken with a clock ahead', async () => {
    const wrong = { hoursAgo: -60 * 24 };
    assert.equal((await applied(0, [...usual, wrong])).left, 3, 'the two last ones, and the one of which nothing is known');
    const dated = { hoursAgo: -60 * 24 + 40, storeOffsetMs: -DAYS_60 };
    assert.equal((await applied(0, [...usual, dated])).left, 2, 'the two last ones');
  });
});

describe('The retention of backups of which a newer version has encrypted one', () => {
  it('leaves that one, and all of the log: nobody can say from where on it needs it', async () => {
    const retained = async (encryption?: string) => {
      const store = new MemoryStore();
      const repository = new Repository(store);
      const archive = repository.archive(MAIN);
      await storeStream(archive, [100, 100, 100]);
      for (const [hoursAgo, offset] of [
        [2, 1000],
        [1, 1200],
      ] as const) {
        const takenAt = new Date(Date.now() - hoursAgo * HOUR).toISOString();
        const ref = { ...MAIN, backupId: backupIdAt(Date.parse(takenAt)) };
        const stored = await repository.snapshots(MAIN).write(ref, bytes('REDIS'));
        const times = { takenAt, clockOffsetMs: 0, finishedAt: takenAt };
        const replication = { replid: REPLID, offset };
        await repository.snapshots(MAIN).publish(sampleManifest({ ...ref, stored, times, replication }));
      }
      const [older] = (await keysOf(store, 'main/0/snapshots/')).filter((key) => key.endsWith('/manifest.json'));
      if (encryption) await store.put(older ?? '', bytes(`{"formatVersion": 1, "encryption": "${encryption}"}`));
      const deps: Partial<Dependencies> = {
        now: Date.now,
        instance: async () => ({ retention: { keepLast: 1, keepWithinMs: 1 } }) as never,
        repository: async () => repository,
        archive: async () => archive,
      };
      const job = { attempt: 1, signal: new AbortController().signal, operationId: 'test', progress: () => undefined };
      const { removed, logRemoved } = await runAsJob(job, () =>
        createRetentionActivities(deps as Dependencies).applyRetention({ instance: 'main' }),
      );
      return { removed: removed.length, logRemoved, isThere: store.objects.has(older ?? '') };
    };
    assert.deepEqual(await retained(), { removed: 1, logRemoved: 2, isThere: false });
    assert.deepEqual(await retained('age'), { removed: 0, logRemoved: 0, isThere: true });
  });
});
