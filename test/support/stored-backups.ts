import assert from 'node:assert/strict';
import type { SnapshotManifest } from '../../model/backup/manifest.ts';
import { DEFAULT_DATA_CLASSES } from '../../model/data-class.ts';
import { createRdbReader, readRdbInPassing } from '../../redis/rdb/reader.ts';
import type { House } from './house.ts';
import { until } from './until.ts';

/** Reads a listed backup to its last byte: checksums of the object, of zstd, of the RDB, and its keys are as its manifest says. */
export async function assertWhole({ repository }: House, manifest: SnapshotManifest): Promise<void> {
  const reader = createRdbReader({ classes: DEFAULT_DATA_CLASSES, takenAtMs: manifest.census.takenAtMs });
  for await (const _ of readRdbInPassing(repository.snapshots(manifest).open(manifest), reader));
  const { facts } = reader.end();
  assert.equal(facts.crc64, 'valid');
  assert.equal(facts.keys, manifest.rdb.keys);
}

export async function listed(house: House, instance = 'main'): Promise<string[]> {
  const { manifests, problems } = await house.repository.snapshots({ instance, shard: '0' }).listWithProblems();
  assert.deepEqual(problems, []);
  return manifests.map(({ backupId }) => backupId);
}

/** Everything in the repository of an instance but pins. */
export async function objectsOf({ repository }: House, instance = 'main'): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of repository.store.list(`${instance}/`)) if (!key.includes('/pins/')) keys.push(key);
  return keys;
}

/**
 * Runs what takes one backup, however disturbed. Proves that nothing is listed on the way but what was there before, and at
 * the end exactly one more, which is whole.
 */
export async function oneMore(house: House, take: () => Promise<unknown>, instance = 'main'): Promise<SnapshotManifest> {
  const before = await listed(house, instance);
  await take();
  const after = await house.repository.snapshots({ instance, shard: '0' }).list();
  const added = after.filter(({ backupId }) => !before.includes(backupId));
  assert.equal(added.length, 1, `new backups: ${added.map(({ backupId }) => backupId).join(', ')}`);
  const [manifest] = added as [SnapshotManifest];
  await assertWhole(house, manifest);
  return manifest;
}

interface Beat {
  stage: string;
  doneBytes?: number;
  storedBytes?: number;
  /** Of a load. */
  etaSeconds?: number;
}

/** The last heartbeat of a running operation. */
export async function beatOf(house: House, workflowId: string): Promise<Beat | undefined> {
  const { raw } = await house.client.workflow.getHandle(workflowId).describe();
  const [payload] = raw.pendingActivities?.[0]?.heartbeatDetails?.payloads ?? [];
  return payload?.data?.length ? (JSON.parse(Buffer.from(payload.data).toString()) as Beat) : undefined;
}

/** Waits until a backup has taken in so many bytes from Redis and goes on. */
export const untilStreaming = (house: House, workflowId = 'backup/main', bytes = 1): Promise<void> =>
  until(async () => ((await beatOf(house, workflowId))?.doneBytes ?? 0) >= bytes, { what: 'the backup streams', seconds: 30 });
