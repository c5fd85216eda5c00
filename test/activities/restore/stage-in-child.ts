/** Brings one stored body to a data directory in a process of its own, and says how much memory that took at most. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SnapshotManifest } from '../../../model/backup/manifest.ts';
import { stageRdb } from '../../../platforms/data-directory.ts';
import type { BackupRef } from '../../../repository/layout.ts';
import { Repository } from '../../../repository/repository.ts';
import type { StoredObject } from '../../../repository/snapshots.ts';
import { openStore, type StoreLocation } from '../../support/open-store.ts';

export interface StageJob {
  location: StoreLocation;
  ref: BackupRef;
  stored: StoredObject;
  bytes: number;
}

const { location, ref, stored, bytes } = JSON.parse(process.argv[2] ?? '') as StageJob;
const manifest = { ...ref, stored, rdb: { bytes } } as Partial<SnapshotManifest> as SnapshotManifest;
const dir = mkdtempSync(join(tmpdir(), 'redis-backup-stage-'));
try {
  const { signal } = new AbortController(); // as in an activity: waiting for it must keep nothing
  const names = { dbfilename: 'dump.rdb', appendfilename: 'appendonly.aof', appenddirname: 'appendonlydir' };
  const rdb = new Repository(openStore(location)).snapshots(manifest).open(manifest, { signal, lends: true });
  const staged = await stageRdb({ dir, appendonly: false, ...names }, 'op', rdb, { signal });
  console.log(JSON.stringify({ bytes: staged.bytes, peakMb: (process.resourceUsage().maxRSS * 1024) / 1e6 }));
} finally {
  rmSync(dir, { recursive: true, force: true });
}
process.exit(0); // connections that are kept alive would hold us
