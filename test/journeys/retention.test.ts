import assert from 'node:assert/strict';
import { rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { SnapshotManifest } from '../../model/backup/manifest.ts';
import { backupIdAt } from '../../model/instance.ts';
import type { BackupResult, RetentionResult } from '../../model/operations.ts';
import { openRdbStream } from '../../redis/replication/replica.ts';
import { bytesOf } from '../redis/support/bytes-of.ts';
import { Forger } from '../support/forged-backups.ts';
import { House } from '../support/house.ts';
import { listed, objectsOf } from '../support/stored-backups.ts';

const HOUR_MS = 3_600_000;

const MAIN = { instance: 'main', shard: '0' };

describe('Retention', function () {
  this.timeout(180_000);
  let house: House;
  let forger: Forger;
  let rdb: Buffer;
  let original: SnapshotManifest;

  before(async () => {
    const recovery = { warmup: { window: '1s' } };
    house = await House.open({ instance: { retention: { keepLast: 2, keepWithin: '1m' }, recovery } });
    await house.ask('SET', 'a', '1');
    await house.backup();
    const [manifest] = await house.repository.snapshots(MAIN).list();
    if (!manifest) throw new Error('the backup of the set-up is not there');
    original = manifest;
    rdb = await bytesOf(await openRdbStream(house.redis.connection));
    forger = new Forger(house.repository, join(house.dir, 'backups'), manifest);
  });
  after(() => house?.close());
  beforeEach(async () => {
    for (const backupId of await listed(house)) await house.repository.snapshots(MAIN).delete(backupId);
    // Two tests within a second forge backups of the same id: a pin of the one would hold that of the other.
    for await (const { key } of house.repository.store.list('main/0/pins/')) await house.repository.store.delete(key);
  });

  const apply = (dryRun = false): Promise<RetentionResult> =>
    house.client.workflow.execute('applyRetention', {
      workflowId: 'retention/main',
      taskQueue: 'redis-ops',
      args: [{ instance: 'main', dryRun }],
    });
  /** Backups that were taken so many hours ago, oldest first. */
  const backupsOf = async (...hoursAgo: number[]) => {
    const ids: string[] = [];
    for (const hours of hoursAgo) ids.push(await forger.publish(rdb, {}, Date.now() - hours * HOUR_MS));
    return ids;
  };
  const idsOf = (listing: { backupId: string }[]) => listing.map(({ backupId }) => backupId);
  const pin = (backupId: string, untilMs: number) =>
    house.repository.pins(MAIN).put({ backupId, planId: `test-${untilMs}`, untilMs, reason: 'a test' });

  it('says with a dry run what it would delete, and deletes nothing', async () => {
    const [old, older, ...newest] = await backupsOf(30, 24, 18, 12);
    const before = await objectsOf(house);
    const { dryRun, removed, kept } = await apply(true);
    assert.deepEqual([dryRun, idsOf(removed), idsOf(kept).sort()], [true, [old, older], newest]);
    assert.deepEqual(await objectsOf(house), before);
  });

  it('deletes exactly what its dry run has said, and the second time nothing', async () => {
    const [, , ...newest] = await backupsOf(30, 24, 18, 12);
    const announced = await apply(true);
    const { removed } = await apply();
    assert.deepEqual(removed, announced.removed);
    assert.deepEqual(await listed(house), newest);
    assert.deepEqual((await apply()).removed, []);
  });

  it('never deletes the last good one, however many of an empty Redis came after it', async () => {
    const [, good] = await backupsOf(60, 50);
    const empty = { rdb: { keys: 0, databases: [] }, census: { keys: 0, classes: [] } };
    const later: string[] = [];
    for (const hours of [40, 30, 20, 10]) later.push(await forger.publish(rdb, empty, Date.now() - hours * HOUR_MS));
    await apply();
    const left = await listed(house);
    assert.ok(good && left.includes(good), `${good} is not among ${left}`);
    assert.deepEqual(left.slice(-2), later.slice(-2));
  });

  it('deletes no whole one because of newer ones whose RDB is gone or empty, and leaves those for a person to look at', async () => {
    const [older, whole, emptied, gone] = (await backupsOf(30, 24, 18, 12)) as [string, string, string, string];
    truncateSync(join(house.dir, 'backups/main/0/snapshots', emptied, 'dump.rdb.zst'));
    await house.repository.store.delete(`main/0/snapshots/${gone}/dump.rdb.zst`);
    assert.deepEqual((await apply()).removed, []);
    const { manifests, problems } = await house.repository.snapshots(MAIN).listWithProblems();
    assert.deepEqual(
      [idsOf(manifests), idsOf(problems)],
      [
        [older, whole],
        [emptied, gone],
      ],
    );
    for (const backupId of [emptied, gone]) rmSync(join(house.dir, 'backups/main/0/snapshots', backupId), { recursive: true });
  });

  it('leaves alone what a restore plan has pinned, until the pin ends', async () => {
    const [pinned, freed, ...newest] = (await backupsOf(30, 24, 18, 12)) as [string, string, ...string[]];
    await pin(pinned, Date.now() + HOUR_MS);
    await pin(freed, Date.now() - 1);
    const { removed, swept } = await apply();
    assert.deepEqual(idsOf(removed), [freed]);
    assert.deepEqual(await listed(house), [pinned, ...newest]);
    assert.equal(swept.length, 1);
    assert.match(swept[0] ?? '', /pins/);
  });

  it('pins what a plan names, so that it is there when the plan is approved', async () => {
    const [planned] = (await backupsOf(30, 24, 18, 12)) as [string];
    const args = [{ instance: 'main', backupId: planned, strategy: 'replace', planOnly: true }];
    await house.client.workflow.execute('restoreFromRdb', { workflowId: 'plan/main', taskQueue: 'redis-ops', args });
    await apply();
    assert.ok((await listed(house)).includes(planned));
  });

  it('sweeps the remains of a backup that died, but only when they are a day old', async () => {
    const [young, old] = [0, 0].map(() => forger.place({ 'dump.rdb.zst': 'half of something' }));
    const folder = (id: string | undefined) => join(house.dir, 'backups/main/0/snapshots', id ?? '');
    const aDayAgo = (Date.now() - 25 * HOUR_MS) / 1000;
    utimesSync(join(folder(old), 'dump.rdb.zst'), aDayAgo, aDayAgo);
    const { swept } = await apply();
    assert.deepEqual(swept, [`main/0/snapshots/${old}/dump.rdb.zst`]);
    const left = (await objectsOf(house)).filter((key) => key !== 'main/owner.json');
    assert.deepEqual(left, [`main/0/snapshots/${young}/dump.rdb.zst`]);
  });

  it('follows every backup, and says what it has deleted', async () => {
    const ids = await backupsOf(30, 24, 18);
    const result = (await house.backup()) as Extract<BackupResult, { outcome: 'stored' }>;
    assert.deepEqual(result.retention, { removed: ids.slice(0, 2) });
    assert.deepEqual(await listed(house), [ids[2], result.backups[0]?.backupId]);
  });

  it('that fails does not make a failure of the backup', async () => {
    const [backupId] = await backupsOf(1);
    await house.repository.store.put(`main/0/pins/${backupId}/broken.json`, brokenPin());
    const result = (await house.backup()) as Extract<BackupResult, { outcome: 'stored' }>;
    assert.equal(result.outcome, 'stored');
    assert.match(result.retention.problem ?? '', /broken\.json is no pin/);
  });

  it('keeps copies of append-only logs by the same rules, counted for themselves', async () => {
    const backups = house.repository.aof(MAIN);
    const { software, server, replication } = original;
    const ids: string[] = [];
    for (const hours of [30, 24, 18]) {
      const takenAtMs = Date.now() - hours * HOUR_MS;
      const ref = { instance: 'main', shard: '0', backupId: backupIdAt(takenAtMs) };
      const file = { name: 'appendonly.aof', type: 'incr', seq: 1 } as const;
      const stored = await backups.writeFile(ref, file, Readable.from([Buffer.from('*1\r\n$4\r\nPING\r\n')]));
      const at = new Date(takenAtMs).toISOString();
      await backups.publish({
        ...{ formatVersion: 1, kind: 'aof', ...ref, reason: 'manual', software, server, replication, form: 'single-file' },
        ...{ times: { takenAt: at, clockOffsetMs: 0, finishedAt: at }, files: [{ ...file, bytes: 14, stored }] },
      });
      ids.push(ref.backupId);
    }
    const { removed } = await apply();
    assert.deepEqual(idsOf(removed), ids.slice(0, 1));
    assert.deepEqual(idsOf(await backups.list()), ids.slice(1));
    for (const backupId of ids) await backups.delete(backupId);
  });

  it('forgets after two weeks the hit rate that each scheduled backup remembers', async () => {
    const baselines = house.repository.baselines(MAIN);
    await house.backup({ reason: 'manual' });
    assert.deepEqual(await baselines.list(), []); // somebody waits for it
    await house.backup({ reason: 'scheduled' });
    const [remembered, ...others] = await baselines.list();
    assert.ok(remembered && others.length === 0);
    assert.ok(remembered.windowSeconds > 0.9 && remembered.keys === 1);
    const old = { ...remembered, baselineId: backupIdAt(Date.now() - 15 * 24 * HOUR_MS) };
    await baselines.write(old);
    assert.ok((await apply()).swept.some((key) => key.endsWith(`${old.baselineId}.json`)));
    assert.deepEqual(await baselines.list(), [remembered]);
  });

  it('and remembering are no reason to call a backup failed', async () => {
    rmSync(join(house.dir, 'backups/main/0/baselines'), { recursive: true, force: true });
    writeFileSync(join(house.dir, 'backups/main/0/baselines'), 'in the way');
    try {
      assert.equal((await house.backup({ reason: 'scheduled' })).outcome, 'stored');
    } finally {
      rmSync(join(house.dir, 'backups/main/0/baselines'));
    }
  });
});

async function* brokenPin(): AsyncGenerator<Buffer> {
  yield Buffer.from('{');
}
