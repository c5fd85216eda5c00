import type { SnapshotManifest } from '../../model/manifest.ts';

/** A manifest as a small server gives one; the parts that a test is about are handed in. */
export function sampleManifest(parts: Partial<SnapshotManifest> = {}): SnapshotManifest {
  return {
    formatVersion: 1,
    kind: 'snapshot',
    backupId: '20260214T060000Z',
    instance: 'main',
    shard: '0',
    reason: 'scheduled',
    method: 'replication',
    software: { name: 'redis-backup', version: '0.1.0' },
    server: {
      product: 'redis',
      version: '7.0.15',
      runId: 'c2a7e1f0b5d94c6f8a3e1d2c4b5a697887766554',
      role: 'master',
      usedMemoryBytes: 1_048_576,
      maxmemoryBytes: 0,
      maxmemoryPolicy: 'noeviction',
      databases: 16,
      modules: [],
      policy: {
        save: '3600 1 300 100 60 10000',
        appendonly: 'yes',
        appendfsync: 'everysec',
        dir: '/var/lib/redis',
        dbfilename: 'dump.rdb',
        appenddirname: 'appendonlydir',
        appendfilename: 'appendonly.aof',
        rdbcompression: 'yes',
        rdbchecksum: 'yes',
      },
    },
    replication: { replid: '8371b4fb1155b71f4a04d3e1bc3e18c4a990aeeb', offset: 14 },
    times: { takenAt: '2026-02-14T06:00:00.123Z', clockOffsetMs: -3, finishedAt: '2026-02-14T06:00:01.456Z' },
    stored: { file: 'dump.rdb.zst', bytes: 123, sha256: 'a'.repeat(64), compression: 'zstd' },
    rdb: {
      magic: 'REDIS',
      version: 10,
      bytes: 456,
      crc64: 'valid',
      parsed: true,
      keys: 3,
      expires: 2,
      databases: [{ db: 0, keys: 3, expires: 2 }],
      functions: 0,
      moduleTypes: [],
    },
    census: {
      takenAtMs: 1_771_048_800_123,
      keys: 3,
      classes: [
        { name: 'sessions', keys: 2, persistent: 0, expired: 0, ttl: [0, 1, 1] },
        { name: 'other', keys: 1, persistent: 1, expired: 0, ttl: [0, 0, 0] },
      ],
    },
    ttlBoundsSeconds: [60, 86_400],
    ...parts,
  };
}
