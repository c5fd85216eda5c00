import type { SnapshotManifest, SnapshotReason } from '../../model/manifest.ts';
import type { StoredBackup } from '../../model/operations.ts';
import type { Conduct } from './conduct.ts';

/** Takes one snapshot of every shard under a lock that the caller holds. Nothing is listed before it is whole and checked. */
export async function takeSnapshot(conduct: Conduct, instance: string, reason: SnapshotReason): Promise<StoredBackup[]> {
  conduct.enter('assess');
  // A backup of its own waits for Redis, and gives way to a recovery. A part of a restore would keep that out.
  const serving = reason === 'safety' || reason === 'recovery' ? { serving: instance } : {};
  const assessment = await conduct.act('assessInstance', { instance }, { summary: `look at ${instance}`, ...serving });
  const stored: StoredBackup[] = [];
  for (const { shard, place, uncompressedFork } of assessment.shards) {
    conduct.enter('snapshot');
    if (uncompressedFork) {
      await conduct.undoLater({
        step: 'putBackRdbCompression',
        args: { instance },
        when: 'always',
        summary: `set rdbcompression of ${instance} back to yes`,
      });
    }
    const draft = await conduct.act(
      'storeSnapshot',
      { instance, shard, reason, uncompressedFork },
      { summary: `stream the data of ${instance} into the repository`, ...(place ? { place } : {}), ...serving },
    );
    conduct.enter('verify');
    await conduct.act('verifySnapshot', draft, { summary: `check what was stored as ${draft.manifest.backupId}` });
    conduct.enter('publish');
    await conduct.act('publishSnapshot', draft, { summary: `publish ${draft.manifest.backupId}: write its manifest, last` });
    stored.push(toStoredBackup(draft.manifest, draft.seconds, [...assessment.warnings, ...draft.warnings]));
  }
  return stored;
}

const toStoredBackup = (manifest: SnapshotManifest, seconds: number, warnings: string[]): StoredBackup => ({
  backupId: manifest.backupId,
  shard: manifest.shard,
  keys: manifest.rdb.keys,
  rdbBytes: manifest.rdb.bytes,
  storedBytes: manifest.stored.bytes,
  sha256: manifest.stored.sha256,
  seconds,
  warnings,
});
