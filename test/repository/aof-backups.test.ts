import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { AofManifest } from '../../model/backup/aof-manifest.ts';
import { pinAof } from '../../redis/aof/copy.ts';
import { readFilePart } from '../../redis/aof/part.ts';
import { AofBackups } from '../../repository/aof-backups.ts';
import { checkAofBackupManifest, formatAofBackupManifest, parseAofBackupManifest } from '../../repository/aof-manifest.ts';
import type { BackupRef } from '../../repository/layout.ts';
import type { ObjectStore } from '../../repository/stores/object-store.ts';
import { sweep } from '../../repository/sweep.ts';
import { sampleManifest } from '../fixtures/manifest.ts';
import { findBinary } from '../support/binaries.ts';
import { openStore } from '../support/open-store.ts';
import { isAtLeast, redisBinaries } from '../support/redis-binaries.ts';
import { startRedis } from '../support/redis-server.ts';
import { bytes, collect, cutShort, keysOf, refuses } from './bodies.ts';

const DOCUMENT = join(import.meta.dirname, '../../docs/repository-format.md');
const REF: BackupRef = { instance: 'main', shard: '0', backupId: '20260214T060000Z' };
const BASE = Buffer.from(`REDIS0010${randomBytes(200_000).toString('hex')}`);
const INCR = Buffer.from('*1\r\n$4\r\nPING\r\n');
const FILES = [
  { name: 'appendonly.aof.2.base.rdb', type: 'base', seq: 2, body: BASE },
  { name: "it's the log.2.incr.aof", type: 'incr', seq: 2, body: INCR },
  { name: 'appendonly.aof.3.incr.aof', type: 'incr', seq: 3, body: Buffer.alloc(0) },
] as const;

const manifestOf = (parts: Partial<AofManifest>): AofManifest => {
  const { software, server, replication, times } = sampleManifest();
  return {
    ...{ formatVersion: 1, kind: 'aof', ...REF, reason: 'manual', software, server, replication, times },
    ...{ form: 'multi-part', redisManifest: 'file a seq 1 type b\n', files: [] },
    ...parts,
  };
};

describe('AOF backups', () => {
  let directory: string;
  let store: ObjectStore;
  let backups: AofBackups;
  const path = (key: string) => join(directory, key);
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'redis-backup-aof-backups-'));
    store = openStore({ kind: 'file', directory });
    backups = new AofBackups(store, REF);
  });
  afterEach(async () => {
    store.close();
    await rm(directory, { recursive: true });
  });

  const backUp = async (ref: BackupRef = REF): Promise<AofManifest> => {
    const files: AofManifest['files'] = [];
    for (const { body, ...file } of FILES) {
      const stored = await backups.writeFile(ref, file, bytes(body));
      files.push({ ...file, bytes: body.length, stored });
    }
    const manifest = manifestOf({ ...ref, files });
    await backups.publish(manifest);
    return manifest;
  };

  it('give every file back byte for byte, whatever Redis called it', async () => {
    const manifest = await backUp();
    for (const { name, body } of FILES) assert.ok((await collect(backups.openFile(manifest, name))).equals(body), name);
    const names = ['appendonly.aof.2.base.rdb.zst', 'appendonly.aof.3.incr.aof.zst', 'incr-2.zst', 'manifest.json'];
    const folder = 'main/0/aof/20260214T060000Z/';
    assert.deepEqual(
      await keysOf(store, folder),
      names.map((name) => folder + name),
    );
    await refuses(collect(backups.openFile(manifest, '../x')), 'INPUT_INVALID', /has no file/);
  });

  it('are there from their manifest on, and not before', async () => {
    await backups.writeFile(REF, FILES[0], bytes(BASE));
    assert.deepEqual(await backups.list(), []);
    assert.equal(await backups.isTaken(REF.backupId), true);
    await refuses(backups.writeFile(REF, FILES[0], bytes(BASE)), 'OBJECT_EXISTS');
    const other = { ...REF, backupId: '20260214T070000Z' };
    const manifest = await backUp(other);
    assert.deepEqual(await backups.list(), [manifest]);
    assert.deepEqual(await backups.read(other.backupId), manifest);
    await backups.publish(manifest); // again: its answer was lost
    await refuses(backups.publish({ ...manifest, reason: 'safety' }), 'OBJECT_EXISTS');
    await refuses(backups.read(REF.backupId), 'BACKUP_MISSING');
  });

  it('are never published without their data', async () => {
    await assert.rejects(backups.writeFile(REF, FILES[0], cutShort('REDIS')), /connection lost/);
    assert.equal(await backups.isTaken(REF.backupId), false);
    const stored = await backups.writeFile(REF, FILES[0], bytes(BASE));
    const file = { name: 'a', type: 'base', seq: 1, bytes: BASE.length, stored } as const;
    const missing = { ...file, stored: { ...stored, file: 'missing.zst' } };
    await refuses(backups.publish(manifestOf({ files: [missing] })), 'OBJECT_MISSING');
    await truncate(path('main/0/aof/20260214T060000Z/appendonly.aof.2.base.rdb.zst'), 100);
    await refuses(backups.publish(manifestOf({ files: [file] })), 'BACKUP_CORRUPT');
  });

  it('that were changed in the store are found out', async () => {
    const manifest = await backUp();
    const key = path(`main/0/aof/20260214T060000Z/${manifest.files[0]?.stored.file}`);
    const damaged = await readFile(key);
    damaged[1000] = (damaged[1000] ?? 0) ^ 1;
    await rm(key);
    await writeFile(key, damaged);
    await refuses(collect(backups.openFile(manifest, FILES[0].name)), 'BACKUP_CORRUPT');
    const lying = structuredClone(manifest);
    for (const file of lying.files) file.bytes += 1;
    await refuses(collect(backups.openFile(lying, FILES[1].name)), 'BACKUP_CORRUPT', /unpacks to fewer/);
  });

  it('with a manifest that cannot be used are listed as problems', async () => {
    const good = await backUp();
    for (const [hour, text] of [
      ['08', ''],
      ['07', '{"formatVersion": 2}'],
    ] as const) {
      await mkdir(path(`main/0/aof/20260214T${hour}0000Z`));
      await writeFile(path(`main/0/aof/20260214T${hour}0000Z/manifest.json`), text);
    }
    await mkdir(path('main/0/aof/notes'));
    const { manifests, problems } = await backups.listWithProblems();
    assert.deepEqual(manifests, [good]);
    assert.deepEqual(
      problems.map(({ backupId, error }) => [backupId, error.code]),
      [
        ['20260214T070000Z', 'MANIFEST_VERSION_UNKNOWN'],
        ['20260214T080000Z', 'MANIFEST_INVALID'],
      ],
    );
  });

  it('of which a file is gone or was cut are listed as problems, whatever their manifest says', async () => {
    const good = await backUp();
    const cut = await backUp({ ...REF, backupId: '20260214T070000Z' });
    const gone = await backUp({ ...REF, backupId: '20260214T080000Z' });
    const last = (manifest: AofManifest) => path(`main/0/aof/${manifest.backupId}/${manifest.files.at(-1)?.stored.file}`);
    await truncate(last(cut), 0);
    await rm(last(gone));
    const { manifests, problems } = await backups.listWithProblems();
    assert.deepEqual(manifests, [good]);
    assert.deepEqual(
      problems.map(({ backupId, error }) => [backupId, error.code]),
      [cut, gone].map(({ backupId }) => [backupId, 'BACKUP_CORRUPT']),
    );
    await refuses(backups.read(cut.backupId), 'BACKUP_CORRUPT', /has 0 bytes/);
  });

  it('are deleted as a whole, and what never became one is swept', async () => {
    await backUp();
    await backups.delete(REF.backupId);
    await backups.delete(REF.backupId);
    assert.deepEqual(await keysOf(store, ''), []);
    const kept = await backUp({ ...REF, backupId: '20260214T070000Z' });
    await backups.writeFile(REF, FILES[0], bytes(BASE));
    const folder = path('main/0/aof/20260214T060000Z');
    const old = new Date(Date.now() - 48 * 3600_000);
    for (const name of await readdir(folder)) await utimes(join(folder, name), old, old);
    const swept = await sweep(store, REF, { olderThanMs: 24 * 3600_000 });
    assert.deepEqual(
      swept.map(({ why }) => why),
      ['no manifest'],
    );
    assert.equal(existsSync(join(folder, 'appendonly.aof.2.base.rdb.zst')), false);
    assert.deepEqual(await backups.list(), [kept]);
  });
});

describe('The manifest of an AOF backup', () => {
  const stored = { file: 'a.zst', bytes: 1, sha256: 'a'.repeat(64), compression: 'zstd' } as const;
  const base = { name: 'a', type: 'base', seq: 1, bytes: 0, stored } as const;
  const incr = { ...base, name: 'b', type: 'incr', stored: { ...stored, file: 'b.zst' } } as const;
  const good = manifestOf({ files: [base, incr] });

  it('is read as it was written, with or without a base', () => {
    assert.deepEqual(checkAofBackupManifest(good), good);
    checkAofBackupManifest({ ...good, files: [incr] });
    const { redisManifest: _, ...rest } = good;
    checkAofBackupManifest({ ...rest, form: 'single-file', files: [base] });
  });

  const wrong: [string, Partial<AofManifest>, RegExp][] = [
    [
      'a name that leads out of its directory',
      { files: [{ ...base, name: '../a' }] },
      /files\.0\.name: must be a plain file name/,
    ],
    ['an object elsewhere', { files: [{ ...base, stored: { ...stored, file: '../a' } }] }, /files\.0\.stored\.file/],
    ['no file', { files: [] }, /files/],
    ['two files of one name', { files: [base, { ...incr, name: 'a' }] }, /must have different names/],
    ['one object for two files', { files: [base, { ...incr, stored }] }, /must be stored as different objects/],
    ['a base that is not the first', { files: [incr, base] }, /must have at most one base, and that first/],
    ['no manifest of Redis', { redisManifest: undefined }, /redisManifest: must be there/],
    ['several single files', { form: 'single-file', redisManifest: undefined }, /files: must be one file/],
    ['another kind', { kind: 'snapshot' as 'aof' }, /kind/],
    ['a field that it does not know', { other: 1 } as Partial<AofManifest>, /other/],
  ];
  for (const [what, parts, message] of wrong) {
    it(`with ${what} is refused`, () => {
      assert.throws(() => checkAofBackupManifest({ ...good, ...parts }), { code: 'MANIFEST_INVALID', message });
    });
  }

  it('in another folder, or of another version, is refused', () => {
    const text = formatAofBackupManifest(good);
    const elsewhere = { ...REF, instance: 'other' };
    assert.throws(() => parseAofBackupManifest(text, elsewhere, 'x'), {
      code: 'MANIFEST_INVALID',
      message: /lies under "other"/,
    });
    assert.throws(() => parseAofBackupManifest('{"formatVersion":2}', REF, 'x'), { code: 'MANIFEST_VERSION_UNKNOWN' });
  });
});

describe('docs/repository-format.md on AOF backups', () => {
  const document = () => readFile(DOCUMENT, 'utf8');
  const block = async (name: string) => {
    const found = new RegExp(`<!-- test: ${name} -->\\n\`\`\`\\w+\\n([\\s\\S]*?)\\n\`\`\``).exec(await document());
    assert.ok(found?.[1], `docs/repository-format.md has no block "${name}"`);
    return found[1];
  };

  it('shows a manifest that this software reads, and explains what a snapshot does not have', async () => {
    const manifest = parseAofBackupManifest(await block('example-aof'), REF, 'the example');
    const text = await document();
    const table = text.slice(text.indexOf('| AOF field |'));
    for (const field of ['kind', 'form', 'redisManifest', ...Object.keys(manifest.files[1] ?? {})])
      assert.match(table, new RegExp(`[\`.]${field}\``), field);
  });

  for (const binary of redisBinaries().filter((found) => isAtLeast(found, 7))) {
    it(`recovers the log of ${binary.label} without this software`, async () => {
      const directory = await mkdtemp(join(tmpdir(), 'redis-backup-aof-document-'));
      await using _ = { [Symbol.asyncDispose]: () => rm(directory, { recursive: true }) };
      const backups = new AofBackups(openStore({ kind: 'file', directory }), REF);
      {
        await using redis = await startRedis({ binary: binary.path, config: { appendonly: 'yes' } });
        for (let i = 0; i < 100; i++) await redis.command('SET', `session:${i}`, 'value');
        const place = { dir: redis.dir, appenddirname: 'appendonlydir', appendfilename: 'appendonly.aof' };
        const pinned = await pinAof(await redis.client(), place, join(redis.dir, '.redis-backup', 'work'));
        const files: AofManifest['files'] = [];
        for (const { path, type, ...file } of pinned.files) {
          if (type === 'history') throw new Error('history was copied');
          const stored = await backups.writeFile(REF, { ...file, type }, readFilePart(path, 0, file.bytes));
          files.push({ ...file, type, stored });
        }
        await backups.publish(manifestOf({ redisManifest: pinned.manifest, files }));
      }
      const cwd = join(directory, 'data');
      await mkdir(cwd);
      const PATH = `${dirname(findBinary('zstd'))}:${dirname(findBinary('redis-server'))}:${process.env.PATH}`;
      const env = { ...process.env, PATH, BACKUP: join(directory, 'main/0/aof/20260214T060000Z') };
      const run = async (name: string) =>
        promisify(execFile)('bash', ['-euo', 'pipefail', '-c', await block(name)], { cwd, env });
      await run('recover-aof');
      if (binary.path === findBinary('redis-server')) assert.match((await run('check-aof')).stdout, /is valid/);
      const names = await readdir(join(cwd, 'appendonlydir'));
      const seed = Object.fromEntries(names.map((name) => [`appendonlydir/${name}`, { from: join(cwd, 'appendonlydir', name) }]));
      const config = { appendonly: 'yes', 'aof-load-truncated': 'no' };
      await using restored = await startRedis({ binary: binary.path, config, seed });
      assert.equal(await restored.dbsize(), 100);
    });
  }
});
