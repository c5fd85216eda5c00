import assert from 'node:assert/strict';
import { mkdirSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type OpenThrowawayOptions, openThrowaway } from '../../../activities/throwaway/open.ts';
import type { RestoreSource } from '../../../activities/throwaway/restore-source.ts';
import { TTL_BOUNDS_SECONDS } from '../../../model/backup/census.ts';
import type { SnapshotManifest } from '../../../model/backup/manifest.ts';
import { openRedis } from '../../../redis/client/client.ts';
import { createRdbReader, readRdbInPassing } from '../../../redis/rdb/reader.ts';
import { openRdbStream } from '../../../redis/replication/replica.ts';
import { Repository } from '../../../repository/repository.ts';
import { sampleManifest } from '../../fixtures/manifest.ts';
import { openStore } from '../../support/open-store.ts';
import { ownDirectory } from '../../support/processes.ts';
import { redisBinaries } from '../../support/redis-binaries.ts';
import { startRedis } from '../../support/redis-server.ts';
import { until } from '../../support/until.ts';

const HOUR_MS = 3_600_000;

describe('A throw-away Redis with the data of a backup', function () {
  this.timeout(60_000);
  let root: string;
  let repository: Repository;
  let endsAt = 0;
  const backups = new Map<string, SnapshotManifest>();
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'redis-backup-material-'));
    ownDirectory(root);
    mkdirSync(join(root, 'repository'));
    repository = new Repository(openStore({ kind: 'file', directory: join(root, 'repository') }));
    for (const [index, { path, version }] of redisBinaries().entries()) {
      await using redis = await startRedis({ binary: path });
      await redis.command('SET', 'lives', '1');
      endsAt = Date.now() + 1_500;
      await redis.command('SET', 'ends', '1', 'PX', '1500');
      const sample = sampleManifest();
      const ref = { instance: 'main', shard: '0', backupId: `2026010${index + 1}T000000Z` };
      const reader = createRdbReader({ classes: [], takenAtMs: Date.now() });
      const stream = await openRdbStream(redis.connection);
      const stored = await repository.snapshots(ref).write(ref, readRdbInPassing(stream.body, reader));
      stream.close();
      const server = { ...sample.server, version, usedMemoryBytes: 1_000_000 };
      const { facts: rdb, census } = reader.end();
      const takenAt = new Date().toISOString();
      const times = { ...sample.times, takenAt, finishedAt: takenAt };
      const replication = { replid: rdb.replid ?? '', offset: rdb.replOffset ?? 0 };
      const manifest = {
        ...sample,
        ...ref,
        server,
        stored,
        rdb,
        census,
        ttlBoundsSeconds: [...TTL_BOUNDS_SECONDS],
        replication,
        times,
      };
      await repository.snapshots(manifest).publish(manifest);
      backups.set(path, manifest);
    }
    await until(() => Date.now() > endsAt + 10, { what: 'its time to live is over' });
  });
  after(() => rm(root, { recursive: true, force: true }));

  const open = (restoreSource: RestoreSource, options: Partial<OpenThrowawayOptions> & Pick<OpenThrowawayOptions, 'binary'>) => {
    const directory = join(root, `throwaway-${readdirSync(root).length}`);
    mkdirSync(directory, { mode: 0o700 });
    const source = { repository, archive: repository.archive({ instance: 'main', shard: '0' }) };
    return openThrowaway(source, restoreSource, { directory, ...options });
  };
  const manifestOf = (path: string): SnapshotManifest => backups.get(path) ?? assert.fail(path);

  for (const { path, label } of redisBinaries()) {
    it(`holds under ${label} what was alive then when times to live are moved, and else what is alive now`, async () => {
      const restoreSource = { manifest: manifestOf(path) };
      const counts: number[] = [];
      for (const shiftMs of [HOUR_MS, 0]) {
        const throwaway = await open(restoreSource, { binary: path, shiftMs });
        using client = await openRedis({ host: throwaway.host, port: throwaway.port });
        counts.push(Number(await client.command('EXISTS', 'lives')) + Number(await client.command('EXISTS', 'ends')));
        await throwaway.stop();
      }
      assert.deepEqual(counts, [2, 1]);
    });
  }

  it('is refused before anything is downloaded on a machine without the memory', async () => {
    const [{ path } = { path: '' }] = redisBinaries();
    const manifest = manifestOf(path);
    const huge = { ...manifest, rdb: { ...manifest.rdb, usedMemoryBytes: 2 ** 50 } };
    await assert.rejects(open({ manifest: huge }, { binary: path }), {
      code: 'RESTORE_REFUSED',
      message: /takes about .+ of memory, and .+ are free on this machine/,
    });
  });

  it('does not come up with a backup that was changed in the store', async () => {
    const [{ path } = { path: '' }] = redisBinaries();
    const manifest = manifestOf(path);
    const changed = { ...manifest, stored: { ...manifest.stored, sha256: 'f'.repeat(64) } };
    await assert.rejects(open({ manifest: changed }, { binary: path }), { code: 'BACKUP_CORRUPT' });
  });
});
