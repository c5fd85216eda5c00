import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { SnapshotManifest } from '../../model/backup/manifest.ts';
import { Archive } from '../../repository/archive/archive.ts';
import { parseSegmentHeader, parseTimeline } from '../../repository/archive/schema.ts';
import { parseBaseline } from '../../repository/baselines.ts';
import { ownerKey, pinKey, timelineIdOf } from '../../repository/layout.ts';
import { parseManifest } from '../../repository/manifest.ts';
import { Ownership } from '../../repository/owner.ts';
import { Pins } from '../../repository/pins.ts';
import { Repository } from '../../repository/repository.ts';
import { textBody } from '../../repository/small-objects.ts';
import { sampleManifest } from '../fixtures/manifest.ts';
import { findBinary } from '../support/binaries.ts';
import { openStore, type StoreLocation } from '../support/open-store.ts';
import { redisBinaries } from '../support/redis-binaries.ts';
import { startRedis } from '../support/redis-server.ts';
import { startS3 } from '../support/s3-server.ts';
import { sampleSegment, sampleTimeline } from './archive/fixtures.ts';

const DOCUMENT = join(import.meta.dirname, '../../docs/repository-format.md');
const KEYS = 500;

/** The fenced block behind `<!-- test: name -->`. */
async function block(name: string): Promise<string> {
  const found = new RegExp(`<!-- test: ${name} -->\\n\`\`\`\\w+\\n([\\s\\S]*?)\\n\`\`\``).exec(await readFile(DOCUMENT, 'utf8'));
  assert.ok(found?.[1], `docs/repository-format.md has no block "${name}"`);
  return found[1];
}

/** The multi-part directory in `data`, for a Redis to start with. */
function seedOf(data: string): Record<string, { from: string }> {
  const files = ['appendonly.aof.1.base.rdb', 'appendonly.aof.1.incr.aof', 'appendonly.aof.manifest'];
  return Object.fromEntries(files.map((file) => [`appendonlydir/${file}`, { from: join(data, 'appendonlydir', file) }]));
}

/** Commands as they stand in the stream. */
const stream = (...commands: string[][]): Buffer =>
  Buffer.from(
    commands.map((args) => `*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join('')}`).join(''),
  );

/** Archives writes before and behind a snapshot, in segments that end anywhere. */
async function archiveWrites(archive: Archive, { replication }: SnapshotManifest) {
  const { replid, offset } = replication;
  const before = stream(['SELECT', '0'], ['FLUSHALL']); // undone if it is executed on top of the snapshot
  const first = offset - before.length;
  const timelineId = timelineIdOf(replid, first);
  const writes = Array.from({ length: 50 }, (_, i) => [
    ['SELECT', '0'],
    ['SET', 'session:7', `new ${i}`],
    ['MULTI'],
    ['SELECT', '5'],
    ['SET', 'logged', `new ${i}`],
    ['EXEC'],
  ]).flat();
  const all = Buffer.concat([before, stream(...writes, ['SELECT', '0'], ['SET', 'another', 'key'])]);
  await archive.createTimeline(sampleTimeline({ replid, first, timelineId }));
  for (let at = 0; at < all.length; at += 333) {
    const bytes = all.subarray(at, at + 333);
    await archive.putSegment(sampleSegment(first + at, first + at + bytes.length, { timelineId }), [bytes]);
  }
  return { timelineId, last: 'new 49' };
}

describe('docs/repository-format.md', () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'redis-backup-format-'));
    await using redis = await startRedis();
    for (let i = 0; i < KEYS; i++) await redis.command('SET', `session:${i}`, `value ${i}`);
    await redis.command('SAVE');
    await rename(join(redis.dir, 'dump.rdb'), join(directory, 'original.rdb'));
  });
  after(() => rm(directory, { recursive: true, force: true }));

  /** Runs a documented block as a person would, in a directory of its own. */
  const run = async (name: string, cwd: string, env: Record<string, string> = {}) => {
    await mkdir(cwd, { recursive: true });
    const PATH = `${dirname(findBinary('zstd'))}:${dirname(findBinary('redis-server'))}:${process.env.PATH}`;
    return promisify(execFile)('bash', ['-euo', 'pipefail', '-c', await block(name)], {
      cwd,
      env: { ...process.env, ...env, PATH },
    });
  };

  const backUp = async (location: StoreLocation): Promise<SnapshotManifest> => {
    const repository = new Repository(openStore(location));
    const { instance, shard, backupId, rdb } = sampleManifest();
    const snapshots = repository.snapshots({ instance, shard });
    const original = createReadStream(join(directory, 'original.rdb'));
    const stored = await snapshots.write({ instance, shard, backupId }, original);
    const replication = { replid: '8371b4fb1155b71f4a04d3e1bc3e18c4a990aeeb', offset: 5000 };
    const manifest = sampleManifest({ stored, replication, rdb: { ...rdb, bytes: original.bytesRead, keys: KEYS } });
    await snapshots.publish(manifest);
    repository.close();
    return manifest;
  };

  const isTheOriginal = async (cwd: string) => {
    assert.ok((await readFile(join(cwd, 'dump.rdb'))).equals(await readFile(join(directory, 'original.rdb'))));
    assert.match((await run('check', cwd)).stdout, /RDB looks OK/);
  };

  it('shows a manifest that this software reads', async () => {
    const text = await block('example');
    const { instance, shard, backupId } = JSON.parse(text);
    assert.equal(parseManifest(text, { instance, shard, backupId }, 'the example').rdb.keys, 2_000_000);
  });

  it('explains every field of a manifest', async () => {
    const document = await readFile(DOCUMENT, 'utf8');
    const table = document.slice(document.indexOf('| field |'), document.indexOf('## Pins'));
    const manifest = JSON.parse(await block('example'));
    for (const [name, value] of Object.entries(manifest)) {
      assert.ok(table.includes(`\`${name}`), name);
      if (typeof value !== 'object' || value === null || Array.isArray(value)) continue;
      for (const inner of Object.keys(value)) assert.match(table, new RegExp(`[\`.]${inner}[\`\\[]`), `${name}.${inner}`);
    }
  });

  it('shows a timeline, a header and a baseline that this software reads, and explains every field of them', async () => {
    const document = await readFile(DOCUMENT, 'utf8');
    const explained = (kind: string, fields: object) => {
      const table = document.slice(document.indexOf(`| ${kind} field |`)).split('\n\n')[0] ?? '';
      for (const name of Object.keys(fields)) assert.ok(table.includes(`\`${name}`), `${kind}.${name}`);
    };
    explained('baseline', parseBaseline(`${await block('baseline')}\n`));
    const timeline = await block('timeline');
    const { instance, shard, timelineId } = JSON.parse(timeline);
    const ref = { instance, shard, timelineId };
    explained('timeline', parseTimeline(timeline, ref, 'the example'));
    const { crc32, ...segment } = JSON.parse(await block('segment'));
    explained('segment', { ...parseSegmentHeader(JSON.stringify(segment), ref, segment, 'the example'), crc32 });
  });

  it('shows a pin and an owner that this software reads', async () => {
    const examples = join(directory, 'examples');
    await mkdir(examples);
    const store = openStore({ kind: 'file', directory: examples });
    const pin = { instance: 'main', shard: '0', backupId: '20260214T060000Z' };
    await store.put(pinKey(pin, 'restore/main'), textBody(`${await block('pin')}\n`));
    assert.deepEqual(
      (await new Pins(store, pin).list()).map(({ planId }) => planId),
      ['restore/main'],
    );
    await store.put(ownerKey('main'), textBody(`${await block('owner')}\n`));
    assert.equal((await new Ownership(store, 'main').read())?.address, '10.0.0.5:6379');
  });

  it('recovers a snapshot from a directory without this software', async () => {
    const root = join(directory, 'repository');
    await mkdir(root);
    await backUp({ kind: 'file', directory: root });
    const manifest = join(root, 'main/0/snapshots/20260214T060000Z/manifest.json');
    const [says, is] = (await run('digest', root, { MANIFEST: manifest })).stdout.trim().split('\n');
    assert.match(says ?? '', /^[0-9a-f]{64}$/);
    assert.equal(is, says);
    const cwd = join(directory, 'from-file');
    await run('recover-file', cwd, { SNAPSHOT: join(root, 'main/0/snapshots/20260214T060000Z') });
    await isTheOriginal(cwd);
  });

  it('recovers a snapshot from S3 without this software', async () => {
    await using s3 = await startS3();
    const { bucket, prefix, endpoint, credentials } = s3.location('redis');
    await backUp(s3.location('redis'));
    const { accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY } = credentials;
    const env = { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION: 'us-east-1', AWS_ENDPOINT_URL: endpoint };
    const folder = `${bucket}/${prefix}/main/0/snapshots/20260214T060000Z`;
    const withCurl = join(directory, 'from-s3-by-curl');
    await run('recover-curl', withCurl, { ...env, SNAPSHOT_URL: `${endpoint}/${folder}` });
    await isTheOriginal(withCurl);
    const hasAws = await promisify(execFile)('aws', ['--version']).then(
      () => true,
      () => false,
    );
    if (!hasAws) return void console.log('      (aws is not on PATH: its line was not run)');
    const withAws = join(directory, 'from-s3-by-aws');
    await run('recover-aws', withAws, { ...env, SNAPSHOT: `s3://${folder}` });
    await isTheOriginal(withAws);
  }).timeout(120_000);

  it('recovers a snapshot and the log behind it without this software', async () => {
    const root = join(directory, 'with-log');
    await mkdir(root);
    const manifest = await backUp({ kind: 'file', directory: root });
    const archive = new Archive(openStore({ kind: 'file', directory: root }), { instance: 'main', shard: '0' });
    const { timelineId, last } = await archiveWrites(archive, manifest);
    const [segment] = await archive.segments(timelineId);
    assert.ok(segment && !segment.compacted);
    const { stdout } = await run('segment-header', root, { SEGMENT: join(root, segment.key) });
    const { crc32, ...header } = JSON.parse(stdout);
    assert.deepEqual(header, await archive.header(segment));
    await archive.compact(timelineId, { nowMs: Date.now() + 48 * 3_600_000 });
    assert.deepEqual([...new Set((await archive.segments(timelineId)).map(({ compacted }) => compacted))], [true, false]);
    const cwd = join(directory, 'from-log');
    const where = { REPOSITORY: join(root, 'main/0'), SNAPSHOT: manifest.backupId, TIMELINE: timelineId };
    await run('recover-log', cwd, where);
    for (const { path, version } of redisBinaries()) {
      if (version.startsWith('6.')) continue; // one append-only file, and no directory
      await using redis = await startRedis({ binary: path, config: { appendonly: 'yes' }, seed: seedOf(cwd) });
      assert.deepEqual([await redis.dbsize(), await redis.command('GET', 'session:7')], [KEYS + 1, last], version);
      await redis.command('SELECT', '5');
      assert.equal(await redis.command('GET', 'logged'), last);
    }
    await rm(join(root, segment.key.replace('archive/', 'archive-compacted/')), { force: true });
    await rm(join(root, (await archive.segments(timelineId))[0]?.key ?? ''));
    await assert.rejects(run('recover-log', join(directory, 'with-hole'), where), /has a hole from/);
  }).timeout(120_000);

  it('brings every key back into a server with appendonly yes', async () => {
    const data = join(directory, 'data');
    await mkdir(join(data, 'appendonlydir'), { recursive: true });
    await promisify(execFile)('cp', [join(directory, 'original.rdb'), join(data, 'dump.rdb')]);
    await run('multi-part-aof', data);
    await using redis = await startRedis({ config: { appendonly: 'yes' }, seed: seedOf(data) });
    assert.equal(await redis.dbsize(), KEYS);
  });
});
