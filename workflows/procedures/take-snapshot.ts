import type { SnapshotManifest, SnapshotReason } from '../../model/backup/manifest.ts';
import type { StoredBackup } from '../../model/operations.ts';
import { filesOf } from '../../model/placement.ts';
import type { NamedShard } from '../../model/shard.ts';
import type { StepRunner } from './step-runner.ts';

/** Takes one snapshot of one Redis under a lock that the caller holds. Nothing is listed before it is whole and checked. */
export async function takeSnapshot(runner: StepRunner, of: NamedShard, reason: SnapshotReason): Promise<StoredBackup> {
  const { name } = of;
  runner.enter('assess');
  // A backup of its own waits for Redis, and gives way to a recovery. A part of a restore would keep that out.
  const serving = reason === 'safety' || reason === 'recovery' ? { serving: name } : {};
  const assessment = await runner.runStep('assessSnapshot', of, { summary: `look at ${name}`, ...serving });
  const { fromFiles, uncompressedFork } = assessment;
  runner.enter('snapshot');
  if (uncompressedFork) {
    await runner.undoLater({
      undo: 'putBackRdbCompression',
      args: of,
      when: 'always',
      summary: `set rdbcompression of ${name} back to yes`,
    });
  }
  const input = { ...of, reason, uncompressedFork };
  const summary = `stream the data of ${name} into the repository`;
  const draft = fromFiles
    ? await runner.runStep('storeSavedSnapshot', input, { summary, at: filesOf(of), ...serving })
    : await runner.runStep('storeSnapshot', input, { summary, ...serving });
  runner.enter('verify');
  await runner.runStep('verifySnapshot', draft, { summary: `check what was stored as ${draft.manifest.backupId}` });
  runner.enter('publish');
  await runner.runStep('publishSnapshot', draft, { summary: `publish ${draft.manifest.backupId}: write its manifest, last` });
  return toStoredBackup(draft.manifest, draft.seconds, [...assessment.warnings, ...draft.warnings]);
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
