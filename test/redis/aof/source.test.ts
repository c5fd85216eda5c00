import assert from 'node:assert/strict';
import { appendFileSync, copyFileSync, cpSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkAof } from '../../../redis/aof/check.ts';
import { writeMultiPart } from '../../../redis/aof/directory.ts';
import { parseAofManifest } from '../../../redis/aof/manifest.ts';
import { type AofSource, openAsLog, openBase, readAofSource } from '../../../redis/aof/source.ts';
import { isAtLeast, type RedisBinary, redisBinaries } from '../../support/redis-binaries.ts';
import { startRedis } from '../../support/redis-server.ts';
import { until } from '../../support/until.ts';

const KEYS = 300;

async function bytesOf(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of body) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** What a real server with `appendonly yes` leaves: a base of 100 keys, and a log with the others and a transaction. */
async function leftBy(binary: RedisBinary, config: Record<string, string>, to: string): Promise<void> {
  await using redis = await startRedis({ binary: binary.path, config: { appendonly: 'yes', ...config } });
  await redis.command('DEBUG', 'POPULATE', '100', 'base');
  await redis.command('BGREWRITEAOF');
  await until(async () => /aof_rewrite_in_progress:0/.test(String(await redis.command('INFO', 'persistence'))));
  for (let i = 0; i < KEYS - 102; i++) await redis.command('SET', `log:${i}`, 'v'.repeat(i), 'EX', '3600');
  await redis.command('MULTI');
  await redis.command('SELECT', '3');
  await redis.command('SET', 'in a transaction', '1');
  await redis.command('SET', 'the second of it', '1');
  await redis.command('EXEC');
  await redis.kill('SIGTERM');
  cpSync(redis.dir, to, { recursive: true });
}

/** Brings a source into a fresh Redis as a restore would, and counts its keys. */
async function keysAfterRestore(binary: RedisBinary, source: AofSource, throwaway: string): Promise<number> {
  const [base, log] = [join(throwaway, 'base'), join(throwaway, 'log')];
  writeFileSync(base, await bytesOf(openBase(source)));
  writeFileSync(log, await bytesOf(openAsLog(source)));
  const seed: Record<string, { from: string }> = {};
  if (isAtLeast(binary, 7)) {
    const names = { appenddirname: 'appendonlydir', appendfilename: 'appendonly.aof' };
    await writeMultiPart(throwaway, { ...names, base: { path: base }, incr: { path: log } });
    for (const name of readdirSync(join(throwaway, 'appendonlydir')))
      seed[`appendonlydir/${name}`] = { from: join(throwaway, 'appendonlydir', name) };
  } else {
    appendFileSync(base, readFileSync(log));
    seed['appendonly.aof'] = { from: base };
  }
  await using redis = await startRedis({
    binary: binary.path,
    config: { appendonly: 'yes', 'aof-load-truncated': 'no' },
    seed,
  });
  return (await redis.dbsize(0)) + (await redis.dbsize(3));
}

for (const binary of redisBinaries()) {
  describe(`an append-only log of ${binary.label} in hand`, () => {
    let home: string;
    beforeEach(async () => {
      home = await mkdtemp(join(tmpdir(), 'redis-backup-source-'));
    });
    afterEach(() => rm(home, { recursive: true }));

    for (const preamble of ['yes', 'no']) {
      it(`gives back every key, with aof-use-rdb-preamble ${preamble}`, async () => {
        const data = join(home, 'data');
        await leftBy(binary, { 'aof-use-rdb-preamble': preamble }, data);
        const source = await readAofSource(data);
        assert.equal(source.form, isAtLeast(binary, 7) ? 'multi-part' : 'single-file');
        assert.equal(source.base?.kind, preamble === 'yes' ? 'rdb' : 'resp');
        assert.equal(source.cutBytes, 0);
        assert.equal(await keysAfterRestore(binary, source, home), KEYS);
      });
    }

    it('cut by a crash gives back what was whole', async () => {
      const data = join(home, 'data');
      await leftBy(binary, isAtLeast(binary, 7) ? { 'aof-timestamp-enabled': 'yes' } : {}, data);
      const log = lastFile(data);
      truncateSync(log, statSync(log).size - 5); // in EXEC: its whole transaction is lost
      const source = await readAofSource(data);
      assert.ok(source.cutBytes > 50, `${source.cutBytes}`);
      assert.equal(await keysAfterRestore(binary, source, home), KEYS - 2);
    });
  });
}

/** The file that Redis appended to last. */
function lastFile(data: string): string {
  if (!readdirSync(data).includes('appendonlydir')) return join(data, 'appendonly.aof');
  const directory = join(data, 'appendonlydir');
  const files = parseAofManifest(readFileSync(join(directory, 'appendonly.aof.manifest'), 'utf8'));
  return join(directory, files.filter(({ type }) => type === 'incr').at(-1)?.name ?? '');
}

describe('what a person gives as an append-only log', () => {
  let home: string;
  let data: string;
  const directory = () => join(data, 'appendonlydir');
  const manifest = () => join(directory(), 'appendonly.aof.manifest');
  const at = (name: string) => join(directory(), name);
  const ping = '*1\r\n$4\r\nPING\r\n';

  before(async () => {
    home = await mkdtemp(join(tmpdir(), 'redis-backup-source-'));
    const [binary] = redisBinaries().filter((found) => isAtLeast(found, 7));
    await leftBy(binary as RedisBinary, {}, join(home, 'original'));
  });
  after(() => rm(home, { recursive: true }));
  beforeEach(async () => {
    data = join(home, 'data');
    await rm(data, { recursive: true, force: true });
    cpSync(join(home, 'original'), data, { recursive: true });
  });

  it('may be the directory, its parent, or its manifest', async () => {
    const source = await readAofSource(data);
    assert.deepEqual(await readAofSource(directory()), source);
    assert.deepEqual(await readAofSource(manifest()), source);
    assert.equal(source.totalBytes, statSync(at('appendonly.aof.2.base.rdb')).size + statSync(lastFile(data)).size);
  });

  it('may be an RDB, or an RDB with a log behind it', async () => {
    const rdb = at('appendonly.aof.2.base.rdb');
    const { size } = statSync(rdb);
    assert.deepEqual(await readAofSource(rdb), {
      form: 'rdb',
      base: { path: rdb, kind: 'rdb', bytes: size },
      incrs: [],
      totalBytes: size,
      cutBytes: 0,
    });
    appendFileSync(rdb, `${ping}*1\r\n$4`);
    const source = await readAofSource(rdb);
    assert.deepEqual(source.incrs, [{ path: rdb, start: size, bytes: ping.length }]);
    assert.equal(source.cutBytes, 6);
    assert.equal((await bytesOf(openAsLog(source))).toString(), ping);
  });

  it('may have several increments, of which history ones do not count', async () => {
    copyFileSync(lastFile(data), at('appendonly.aof.9.incr.aof'));
    appendFileSync(manifest(), 'file gone.aof seq 1 type h\nfile appendonly.aof.9.incr.aof seq 9 type i startoffset 12\n');
    const { incrs } = await readAofSource(data);
    assert.equal(incrs.length, 2);
    const { parts } = await checkAof(directory(), readFileSync(manifest(), 'utf8'));
    assert.deepEqual(
      parts.map(({ type, seq }) => `${type} ${seq}`),
      ['base 2', 'incr 2', 'incr 9'],
    );
  });

  it('is refused with the file and the byte where one that is not the last is cut', async () => {
    const cut = lastFile(data);
    writeFileSync(at('appendonly.aof.9.incr.aof'), ping);
    appendFileSync(manifest(), 'file appendonly.aof.9.incr.aof seq 9 type i\n');
    truncateSync(cut, statSync(cut).size - 1);
    await assert.rejects(readAofSource(data), {
      code: 'LOG_MALFORMED',
      message: /2\.incr\.aof is damaged: it has \d+ bytes, and its last whole command ends at byte \d+, though other files/,
    });
  });

  it('of a backup must not be cut at all', async () => {
    const cut = lastFile(data);
    truncateSync(cut, statSync(cut).size - 1);
    await readAofSource(data);
    await assert.rejects(checkAof(directory(), readFileSync(manifest(), 'utf8')), { code: 'LOG_MALFORMED' });
  });

  const damages: [string, () => void, string, RegExp][] = [
    [
      'a garbled log',
      () => appendFileSync(lastFile(data), `hello${ping}`),
      'LOG_MALFORMED',
      /does not begin with \*, at byte \d+/,
    ],
    [
      'a flipped byte in its base',
      () => flipIn(at('appendonly.aof.2.base.rdb'), 'value:'),
      'RDB_CHECKSUM_MISMATCH',
      /2\.base\.rdb: /,
    ],
    [
      'a base that is cut',
      () => truncateSync(at('appendonly.aof.2.base.rdb'), 500),
      'RDB_MALFORMED',
      /2\.base\.rdb: .*ends at byte 500/,
    ],
    ['an empty manifest', () => writeFileSync(manifest(), ''), 'MANIFEST_INVALID', /names no file/],
    ['a manifest that is none', () => writeFileSync(manifest(), 'hello\n'), 'MANIFEST_INVALID', /line 1/],
    [
      'a file that its manifest names and that is not there',
      () => appendFileSync(manifest(), 'file x.aof seq 99 type i\n'),
      'LOG_MALFORMED',
      /x\.aof is damaged: the manifest names it, and there is no such file/,
    ],
    ['a second manifest', () => writeFileSync(at('b.manifest'), ''), 'INPUT_INVALID', /several manifests: .*b\.manifest/],
  ];
  for (const [what, damage, code, message] of damages) {
    it(`is refused with ${what}`, async () => {
      damage();
      await assert.rejects(readAofSource(data), { code, message });
    });
  }

  const foreign: [string, string | Buffer, RegExp][] = [
    ['a zstd file', Buffer.from('28b52ffd0000', 'hex'), /compressed with zstd/],
    ['a gzip file', Buffer.from('1f8b0800', 'hex'), /compressed with gzip/],
    ['a manifest of ours', '{"formatVersion":1}', /text in JSON/],
    ['an empty file', '', /is empty/],
    ['anything else', 'hello', /neither an RDB nor an append-only file: it begins with "hello"/],
  ];
  for (const [what, content, message] of foreign) {
    it(`is refused by name when it is ${what}`, async () => {
      const path = join(home, 'foreign');
      writeFileSync(path, content);
      await assert.rejects(readAofSource(path), { code: 'INPUT_INVALID', message });
    });
  }

  it('is refused when nothing is there, or nothing of Redis', async () => {
    await assert.rejects(readAofSource(join(home, 'nowhere')), { code: 'INPUT_INVALID', message: /ENOENT/ });
    await assert.rejects(readAofSource(home), { code: 'INPUT_INVALID', message: /is no data of Redis/ });
  });
});

function flipIn(path: string, text: string): void {
  const bytes = readFileSync(path);
  bytes.write('V', bytes.indexOf(text));
  writeFileSync(path, bytes);
}
