/** One pass of the rooms' own functions in a process of its own, so that its memory and time are nobody else's. */
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { SnapshotManifest } from '../model/backup/manifest.ts';
import { DEFAULT_DATA_CLASSES } from '../model/data-class.ts';
import { createRdbReader, readRdbInPassing } from '../redis/rdb/reader.ts';
import { openRdbStream } from '../redis/replication/replica.ts';
import { Repository } from '../repository/repository.ts';
import type { StoredObject } from '../repository/snapshots.ts';
import type { ObjectStore } from '../repository/stores/object-store.ts';
import { openStore, type StoreLocation } from '../test/support/open-store.ts';
import { cpuByThread } from './processes.ts';

/** What is on: each stage has all before it. */
export type Stage = 'stream' | 'census' | 'compress' | 'store';

export type Job =
  | { kind: 'backup'; stage: Stage; port: number; store: StoreLocation; backupId: string }
  | { kind: 'restore'; stored: StoredObject; rdbBytes: number; store: StoreLocation; backupId: string; file: string };

export interface JobResult {
  seconds: number;
  rdbBytes: number;
  stored?: StoredObject;
  cpuByThread: Record<string, number>;
}

const INSTANCE = { instance: 'bench', shard: '0' };

/** Takes everything and keeps nothing: what is left is the cost of making it. */
const nowhere = {
  url: 'nowhere:',
  async put(key: string, body: AsyncIterable<Uint8Array>) {
    let sizeBytes = 0;
    for await (const chunk of body) sizeBytes += chunk.length;
    return { key, sizeBytes, modifiedAtMs: 0 };
  },
} as Partial<ObjectStore> as ObjectStore;

async function backup(job: Extract<Job, { kind: 'backup' }>): Promise<Omit<JobResult, 'seconds' | 'cpuByThread'>> {
  const { body } = await openRdbStream({ host: '127.0.0.1', port: job.port }, { lends: true });
  let rdbBytes = 0;
  const counted = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of body) {
      rdbBytes += chunk.length;
      yield chunk;
    }
  };
  const reader = createRdbReader({ classes: DEFAULT_DATA_CLASSES, takenAtMs: Date.now() });
  const rdb = job.stage === 'stream' ? counted() : readRdbInPassing(counted(), reader);
  if (job.stage === 'stream' || job.stage === 'census') {
    for await (const _ of rdb);
    return { rdbBytes };
  }
  const repository = new Repository(job.stage === 'compress' ? nowhere : openStore(job.store));
  const stored = await repository.snapshots(INSTANCE).write({ ...INSTANCE, backupId: job.backupId }, rdb);
  return { rdbBytes, stored };
}

async function restore({
  stored,
  rdbBytes,
  store,
  backupId,
  file,
}: Extract<Job, { kind: 'restore' }>): Promise<Omit<JobResult, 'seconds' | 'cpuByThread'>> {
  const manifest = { ...INSTANCE, backupId, stored, rdb: { bytes: rdbBytes } } as Partial<SnapshotManifest> as SnapshotManifest;
  await pipeline(new Repository(openStore(store)).snapshots(manifest).open(manifest), createWriteStream(file, { flush: true }));
  return { rdbBytes };
}

const job = JSON.parse(process.argv[2] ?? '') as Job;
const begun = performance.now();
const result = job.kind === 'backup' ? await backup(job) : await restore(job);
console.log(JSON.stringify({ seconds: (performance.now() - begun) / 1000, ...result, cpuByThread: cpuByThread() }));
process.exit(0); // keep-alive connections of the store would hold us
