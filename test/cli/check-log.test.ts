import assert from 'node:assert/strict';
import { checkLog } from '../../cli/check/archive.ts';
import type { CheckContext } from '../../cli/check/finding.ts';
import type { InstanceShard } from '../../config/config.ts';
import { Archive } from '../../repository/archive/archive.ts';
import { Repository } from '../../repository/repository.ts';
import { sampleManifest } from '../fixtures/manifest.ts';
import { REPLID, storeStream } from '../repository/archive/fixtures.ts';
import { MemoryStore } from '../repository/archive/memory-store.ts';

describe('redis-backup check of what the store has of the log', () => {
  const logWith = async ({ lost, base }: { lost: number; base: number }) => {
    const store = new MemoryStore();
    const archive = new Archive(store, { instance: 'main', shard: '0' });
    await storeStream(archive, [100, 100, 100, 100]);
    const gone = (await archive.segments((await archive.newestTimeline())?.timelineId ?? '')).at(lost);
    if (lost >= 0) store.objects.delete(gone?.key ?? '');
    const repository = new Repository(store);
    const snapshots = repository.snapshots({ instance: 'main', shard: '0' });
    snapshots.list = async () => [sampleManifest({ replication: { replid: REPLID, offset: base, db: -1 } as never })];
    repository.snapshots = () => snapshots;
    const deps: Partial<CheckContext> = { repository: async () => repository };
    const instance: Partial<InstanceShard> = { instance: 'main', name: 'main', shard: '0', archive: {} as never };
    return checkLog(deps as CheckContext, instance as InstanceShard);
  };

  it('says that it goes on without a hole', async () => {
    const [finding, ...more] = await logWith({ lost: -1, base: 1000 });
    assert.deepEqual([finding?.level, more], ['ok', []]);
  });

  it('warns of a hole that a newer base has made good, and fails where none has', async () => {
    const [hole, ...more] = await logWith({ lost: 1, base: 1250 });
    assert.deepEqual([hole?.level, more], ['warning', []]);
    assert.match(hole?.message ?? '', /offsets 1100 to 1200 of the log .* are not in the repository/);
    const findings = await logWith({ lost: 1, base: 1000 });
    assert.deepEqual(
      findings.map(({ level }) => level),
      ['warning', 'failed'],
    );
    assert.match(findings[1]?.message ?? '', /no backup of main is left from which the log goes on/);
  });
});
