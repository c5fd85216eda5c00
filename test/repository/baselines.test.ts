import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { backupIdAt } from '../../model/instance.ts';
import { BASELINE_FORMAT_VERSION, type Baseline } from '../../model/recovery/baseline.ts';
import { Baselines, parseBaseline } from '../../repository/baselines.ts';
import { readText } from '../../repository/small-objects.ts';
import type { ObjectStore } from '../../repository/stores/object-store.ts';
import { sampleManifest } from '../fixtures/manifest.ts';
import { openStore } from '../support/open-store.ts';

const NOON = Date.parse('2026-02-14T12:00:00Z');
const HOUR = 3600_000;

const baseline = (hoursAgo: number, parts: Partial<Baseline> = {}): Baseline => ({
  formatVersion: BASELINE_FORMAT_VERSION,
  kind: 'baseline',
  baselineId: backupIdAt(NOON - hoursAgo * HOUR),
  instance: 'main',
  shard: '0',
  windowSeconds: 30.002,
  lookups: 12_000,
  hits: 10_800,
  authenticationPerSecond: 2.5,
  keys: 2_000_000,
  replicas: ['10.0.0.7:6379'],
  server: sampleManifest().server,
  ...parts,
});

describe('What is remembered of a Redis', () => {
  let root: string;
  let store: ObjectStore;
  let baselines: Baselines;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'redis-backup-baselines-'));
    store = openStore({ kind: 'file', directory: root });
    baselines = new Baselines(store, { instance: 'main', shard: '0' });
  });
  afterEach(() => rm(root, { recursive: true }));

  const put = (key: string, text: string) =>
    store.put(
      key,
      (async function* () {
        yield Buffer.from(text);
      })(),
    );

  it('is read as it was written, oldest first, and only of the time that is asked for', async () => {
    assert.deepEqual(await baselines.list(), []);
    for (const hours of [1, 30, 6]) await baselines.write(baseline(hours));
    await new Baselines(store, { instance: 'other', shard: '0' }).write(baseline(2, { instance: 'other' }));
    assert.deepEqual(await baselines.list(), [baseline(30), baseline(6), baseline(1)]);
    assert.deepEqual(await baselines.list({ sinceMs: NOON - 6.5 * HOUR }), [baseline(6), baseline(1)]);
  });

  it('is left out when it was changed after it was written: a recovery would wait for a hit rate that never was', async () => {
    await baselines.write(baseline(2));
    await baselines.write(baseline(1));
    const key = `main/0/baselines/${baseline(1).baselineId}.json`;
    const text = (await readText(store, key, 10_000)) ?? '';
    await put(key, text.replace('"hits": 10800', '"hits": 10'));
    assert.deepEqual(await baselines.list(), [baseline(2)]);
    assert.deepEqual(await baselines.newest(), baseline(2));
  });

  it('never changes: the first of one second stays', async () => {
    await baselines.write(baseline(1));
    await baselines.write(baseline(1, { hits: 0 }));
    assert.deepEqual(await baselines.list(), [baseline(1)]);
  });

  it('is left out where it cannot be read, and the others are not', async () => {
    await baselines.write(baseline(1));
    await put('main/0/baselines/20260214T000000Z.json', '{"formatVersion":1');
    await put('main/0/baselines/20260214T000001Z.json', JSON.stringify(baseline(1)));
    await put('main/0/baselines/20260214T000002Z.json', 'x'.repeat(300_000));
    await put('main/0/baselines/notes.txt', 'mine');
    assert.deepEqual(await baselines.list(), [baseline(1)]);
    await put('main/0/baselines/20300101T000000Z.json', '');
    assert.deepEqual(await baselines.newest(), baseline(1));
    assert.equal(await baselines.newest({ beforeMs: NOON - 2 * HOUR }), undefined);
    await assert.rejects(baselines.write(baseline(2, { hits: 13_000 })));
  });

  it('goes when it is old, first only by name', async () => {
    for (const hours of [1, 30, 60]) await baselines.write(baseline(hours));
    const old = ['main/0/baselines/20260212T000000Z.json', 'main/0/baselines/20260213T060000Z.json'];
    assert.deepEqual(await baselines.deleteOlder(NOON - 24 * HOUR, { dryRun: true }), old);
    assert.equal((await baselines.list()).length, 3);
    assert.deepEqual(await baselines.deleteOlder(NOON - 24 * HOUR), old);
    assert.deepEqual(await baselines.list(), [baseline(1)]);
    assert.deepEqual(await baselines.deleteOlder(NOON - 24 * HOUR), []);
  });

  it('is refused with what is wrong with it', () => {
    assert.throws(() => parseBaseline('{}'), { code: 'MANIFEST_INVALID' });
  });
});
