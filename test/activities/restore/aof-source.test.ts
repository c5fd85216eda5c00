import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AofFileToStore, storeAof } from '../../../activities/backup/store-aof.ts';
import { asSnapshot, logOf, openAofBase, openAofLog, placeInCopy } from '../../../activities/restore/aof-source.ts';
import type { AofManifest } from '../../../model/backup/aof-manifest.ts';
import { DEFAULT_DATA_CLASSES } from '../../../model/data-class.ts';
import { emptyRdb } from '../../../redis/aof/source.ts';
import { MomentFinder } from '../../../redis/log/moments.ts';
import { AofBackups } from '../../../repository/aof-backups.ts';
import { sampleManifest } from '../../fixtures/manifest.ts';
import { openStore } from '../../support/open-store.ts';

const command = (...args: string[]) => `*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join('')}`;
const SELECT = command('SELECT', '0');

describe('A copied log as what a restore needs', () => {
  let root: string;
  let backups: AofBackups;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'redis-backup-aof-material-'));
    mkdirSync(join(root, 'repository'));
    backups = new AofBackups(openStore({ kind: 'file', directory: join(root, 'repository') }), { instance: 'main', shard: '0' });
  });
  afterEach(() => rm(root, { recursive: true }));

  /** @param files - their content by name; the first is the base if its name says so */
  const store = async (form: AofManifest['form'], files: Record<string, string | Buffer>): Promise<AofManifest> => {
    const listed = Object.entries(files).map(([name, content], index): AofFileToStore => {
      const path = join(root, name);
      writeFileSync(path, content);
      return { name, path, type: name.includes('incr') ? 'incr' : 'base', seq: index + 1, bytes: Buffer.byteLength(content) };
    });
    const { server, replication } = sampleManifest();
    const facts = { instance: 'main', shard: '0', reason: 'manual', server, replication, form } as const;
    const times = { softwareVersion: '0.1.0', takenAtMs: Date.UTC(2026, 1, 14), clockOffsetMs: 0 };
    const redisManifest = form === 'multi-part' ? { redisManifest: 'file a seq 1 type b\n' } : {};
    const options = { classes: DEFAULT_DATA_CLASSES, now: () => Date.UTC(2026, 1, 15) };
    const manifest = await storeAof(backups, { ...facts, ...times, ...redisManifest, files: listed }, options);
    await backups.publish(manifest);
    return backups.read(manifest.backupId);
  };
  const textOf = async (stream: AsyncIterable<Buffer>): Promise<string> => {
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    return Buffer.concat(chunks).toString('latin1');
  };
  const EMPTY = emptyRdb().toString('latin1');

  it('is its base, and all increments behind it as one', async () => {
    const [one, two] = [SELECT + command('SET', 'a', '1'), SELECT + command('SET', 'b', '2')];
    const manifest = await store('multi-part', { 'a.1.base.rdb': emptyRdb(), 'a.1.incr.aof': one, 'a.2.incr.aof': two });
    assert.equal(await textOf(openAofBase(backups, manifest)), EMPTY);
    assert.equal(await textOf(openAofLog(backups, manifest, {})), SELECT + one + SELECT + two);
    assert.deepEqual([logOf(manifest).bytes, asSnapshot(manifest).rdb.bytes], [(one + two).length, EMPTY.length]);
  });

  it('is an RDB and the commands behind it in one file, as Redis 6 writes it', async () => {
    const log = SELECT + command('SET', 'a', '1');
    const manifest = await store('single-file', { 'appendonly.aof': Buffer.concat([emptyRdb(), Buffer.from(log)]) });
    assert.equal(manifest.base?.rdb.bytes, EMPTY.length);
    assert.equal(await textOf(openAofBase(backups, manifest)), EMPTY);
    assert.equal(await textOf(openAofLog(backups, manifest, {})), SELECT + log);
  });

  it('is a log behind an empty base where it has commands alone, or no base', async () => {
    const log = SELECT + command('SET', 'a', '1');
    for (const [form, name] of [
      ['single-file', 'appendonly.aof'],
      ['multi-part', 'a.1.incr.aof'],
    ] as const) {
      const manifest = await store(form, { [name]: log });
      assert.equal(manifest.base, undefined);
      assert.equal(asSnapshot(manifest).rdb.keys, 0);
      assert.equal(await textOf(openAofBase(backups, manifest)), EMPTY);
      assert.equal(await textOf(openAofLog(backups, manifest, {})), SELECT + log);
    }
  });

  it('begins each of its files in database 0, as Redis does, also where they do not say so', async () => {
    const one = command('SET', 'a', '1') + command('SELECT', '3') + command('SET', 'b', '1');
    const two = command('SET', 'c', '1');
    const manifest = await store('multi-part', { 'a.1.base.rdb': emptyRdb(), 'a.1.incr.aof': one, 'a.2.incr.aof': two });
    assert.equal(await textOf(openAofLog(backups, manifest, {})), SELECT + one + SELECT + two);
    const silent = await store('single-file', { 'appendonly.aof': two });
    assert.deepEqual(logOf(silent).needs, { commands: ['SET'], highestDb: 0, foreign: [] });
  });

  it('tells of a moment in it the file, and how many bytes of that lie before', async () => {
    const one = SELECT + command('SET', 'a', '1') + command('FLUSHALL') + command('SET', 'c', '1');
    const two = command('SET', 'b', '2') + command('FLUSHDB');
    const placesIn = async (manifest: AofManifest) => {
      const finder = new MomentFinder({ keys: 10 });
      await textOf(openAofLog(backups, manifest, {}, { finder }));
      return finder.suspects().map(({ command: name, before }) => ({ name, ...placeInCopy(manifest, before) }));
    };
    const parts = await store('multi-part', { 'a.1.base.rdb': emptyRdb(), 'a.1.incr.aof': one, 'a.2.incr.aof': two });
    assert.deepEqual(await placesIn(parts), [
      { name: 'FLUSHALL', file: 'a.1.incr.aof', bytes: one.indexOf(command('FLUSHALL')) },
      { name: 'FLUSHDB', file: 'a.2.incr.aof', bytes: two.indexOf(command('FLUSHDB')) },
    ]);
  });

  it('tells the place in one file behind its RDB', async () => {
    const log = SELECT + command('SET', 'a', '1') + command('FLUSHALL');
    const whole = Buffer.concat([emptyRdb(), Buffer.from(log)]);
    const manifest = await store('single-file', { 'appendonly.aof': whole });
    assert.deepEqual(placeInCopy(manifest, log.indexOf(command('FLUSHALL'))), {
      file: 'appendonly.aof',
      bytes: whole.indexOf(command('FLUSHALL')),
    });
  });

  it('says what its commands ask of a target, by the names that are known today', async () => {
    const log = SELECT + command('hidden', '1') + command('SWAPDB', '0', '20') + command('json.set', 'a', '$', '1');
    const manifest = await store('single-file', { 'appendonly.aof': Buffer.concat([emptyRdb(), Buffer.from(log)]) });
    assert.deepEqual(manifest.needs, { commands: ['HIDDEN', 'JSON.SET', 'SELECT', 'SWAPDB'], highestDb: 20 });
    assert.deepEqual(logOf(manifest, { renamedCommands: { HIDDEN: 'FLUSHALL' }, moduleCommands: [] }).needs, {
      ...{ commands: ['FLUSHALL', 'JSON.SET', 'SELECT', 'SWAPDB'], highestDb: 20 },
      foreign: ['JSON.SET'],
    });
  });

  it('is a base alone where nothing was written since', async () => {
    const manifest = await store('multi-part', { 'a.1.base.rdb': emptyRdb(), 'a.1.incr.aof': '' });
    assert.equal(logOf(manifest).bytes, 0);
    assert.equal(await textOf(openAofLog(backups, manifest, {})), '');
  });

  it('is refused for a command that is no known write command, unless it is configured', async () => {
    const manifest = await store('multi-part', { 'a.1.base.rdb': emptyRdb(), 'a.1.incr.aof': SELECT + command('PUT', 'a', '1') });
    await assert.rejects(textOf(openAofLog(backups, manifest, {})), { code: 'LOG_FOREIGN_COMMAND', message: /PUT/ });
    const renamed = { renamedCommands: { PUT: 'SET' } };
    assert.equal(await textOf(openAofLog(backups, manifest, renamed)), SELECT + SELECT + command('SET', 'a', '1'));
  });

  it('is another one for a plan as soon as one of its files is', async () => {
    const digests = new Set<string>();
    for (const value of ['1', '2']) {
      const log = SELECT + command('SET', 'a', value);
      digests.add(asSnapshot(await store('multi-part', { 'a.1.base.rdb': emptyRdb(), 'a.1.incr.aof': log })).stored.sha256);
    }
    assert.equal(digests.size, 2);
  });
});
