import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { checkAof } from '../../../redis/aof/check.ts';
import { type AofPlace, type PinnedAof, pinAof } from '../../../redis/aof/copy.ts';
import { parseAofManifest } from '../../../redis/aof/manifest.ts';
import { readAofPart } from '../../../redis/aof/part.ts';
import { findBinary } from '../../support/binaries.ts';
import { isAtLeast, type RedisBinary, redisBinaries } from '../../support/redis-binaries.ts';
import { type RedisServer, startRedis } from '../../support/redis-server.ts';
import { skipWithout } from '../../support/skip-without.ts';
import { until } from '../../support/until.ts';
import { placeCopy } from '../support/place-copy.ts';

const NAMES = { appenddirname: 'log dir', appendfilename: "it's the log.aof" };
const COPIES = Number(process.env.CASES) || 3;
const DEFAULTS = { appenddirname: 'appendonlydir', appendfilename: 'appendonly.aof' };

/** Writes n:1, n:2, … each in a transaction with a counter, until it is stopped. */
function startWriting(redis: RedisServer): { acknowledged(): number; stop(): Promise<void> } {
  let acknowledged = 0;
  let going = true;
  const running = (async () => {
    using client = await redis.client();
    for (let n = 1; going; n++) {
      const whole = [
        client.command('MULTI'),
        client.command('SET', `n:${n}`, 'x'.repeat(n % 300)),
        client.command('SET', 'last', `${n}`),
        client.command('EXEC'),
      ];
      await Promise.all(whole);
      acknowledged = n;
    }
  })();
  return {
    acknowledged: () => acknowledged,
    stop: async () => {
      going = false;
      await running;
    },
  };
}

/** Makes a directory of real copies and starts a Redis with it that refuses anything cut. */
async function loadCopy(binary: RedisBinary, pinned: PinnedAof, names: typeof DEFAULTS): Promise<RedisServer> {
  const dir = await mkdtemp(join(tmpdir(), 'redis-backup-copy-'));
  await using _ = { [Symbol.asyncDispose]: () => rm(dir, { recursive: true }) };
  await placeCopy(pinned, { dir, ...names });
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map(({ parentPath, name }) => join(parentPath, name));
  const seed = Object.fromEntries(paths.map((path) => [relative(dir, path), readFileSync(path)]));
  const config = { appendonly: 'yes', 'aof-load-truncated': 'no', ...quoted(names) };
  return startRedis({ binary: binary.path, config: isAtLeast(binary, 7) ? config : { appendonly: 'yes' }, seed });
}

const quoted = (names: typeof DEFAULTS) =>
  Object.fromEntries(Object.entries(names).map(([name, value]) => [name, JSON.stringify(value)]));

async function isPrefix(copy: RedisServer, atLeast: number): Promise<void> {
  const last = Number(await copy.command('GET', 'last'));
  assert.ok(last >= atLeast, `${last} of at least ${atLeast}`);
  assert.equal(await copy.dbsize(), last + 1, 'nothing in the middle is missing, and no transaction is torn');
}

const rewriteEnded = (redis: RedisServer) =>
  until(
    async () =>
      /aof_rewrite_in_progress:0[\s\S]*aof_rewrite_scheduled:0/.test(String(await redis.command('INFO', 'persistence'))),
    { what: 'the end of the rewrite' },
  );

/** From inside of a callback: returns when the rewrite has committed its manifest. */
function rewriteNow(redis: RedisServer, manifest: string): void {
  const before = readFileSync(manifest, 'utf8');
  execFileSync(findBinary('redis-cli'), ['-p', `${redis.port}`, 'BGREWRITEAOF']);
  const deadline = Date.now() + 10_000;
  while (readFileSync(manifest, 'utf8') === before) if (Date.now() > deadline) throw new Error('no rewrite came');
}

for (const binary of redisBinaries()) {
  const isMultiPart = isAtLeast(binary, 7);
  describe(`a copy of the log of ${binary.label} while it is written`, () => {
    let redis: RedisServer;
    let place: AofPlace;
    let work: string;
    const names = isMultiPart ? NAMES : DEFAULTS;
    beforeEach(async () => {
      const config = { appendonly: 'yes', 'auto-aof-rewrite-min-size': '64kb', ...(isMultiPart ? quoted(NAMES) : {}) };
      redis = await startRedis({ binary: binary.path, config });
      place = { dir: redis.dir, ...names };
      work = join(redis.dir, '.redis-backup', 'work');
    });
    afterEach(() => redis[Symbol.asyncDispose]());

    it('has all that was acknowledged before, no torn transaction, and loads without repair', async () => {
      const writer = startWriting(redis);
      await until(() => writer.acknowledged() > 200);
      const before = writer.acknowledged();
      const pinned = await pinAof(await redis.client(), place, work);
      await until(() => writer.acknowledged() > before + 200); // the links grow: it must not matter
      await writer.stop();
      assert.equal(pinned.form, isMultiPart ? 'multi-part' : 'single-file');
      if (pinned.manifest !== undefined) {
        assert.deepEqual(
          parseAofManifest(pinned.manifest).map(({ name }) => name),
          pinned.files.map(({ name }) => name),
        );
      }
      {
        await using copy = await loadCopy(binary, pinned, names);
        await isPrefix(copy, before);
      }
      await pinned.release();
      await pinned.release();
      assert.deepEqual(readdirSync(work), []);
    });

    it('is consistent however often the log is rewritten meanwhile', async () => {
      const writer = startWriting(redis);
      let going = true;
      const rewriting = (async () => {
        using client = await redis.client();
        while (going) {
          await client.command('BGREWRITEAOF');
          await rewriteEnded(redis);
          const since = writer.acknowledged();
          await until(() => !going || writer.acknowledged() > since + 20); // else no copy ever gets a turn
        }
      })();
      const client = await redis.client();
      let copies = 0; // a round may be a refusal, and not every one
      for (let round = 0; copies < COPIES; round++) {
        assert.ok(round < 10 * COPIES, `${copies} copies in ${round} rounds`);
        const before = writer.acknowledged();
        const pinned = await pinAof(client, place, work).catch((error) => error);
        if (pinned instanceof Error) assert.match(pinned.message, /rewritten at each of/);
        else {
          await using copy = await loadCopy(binary, pinned, names);
          await isPrefix(copy, before);
          copies += 1;
        }
      }
      going = false;
      await rewriting;
      await writer.stop();
    });

    it('leaves automatic rewrites as they were, and holds them off meanwhile', async () => {
      const client = await redis.client();
      const setting = async () => (await client.configGet('auto-aof-rewrite-percentage'))['auto-aof-rewrite-percentage'];
      await client.configSet('auto-aof-rewrite-percentage', '70');
      const pinned = await pinAof(client, place, work);
      assert.equal(pinned.previousPercentage, '70');
      assert.equal(await setting(), '70');
      await client.configSet('auto-aof-rewrite-percentage', '0'); // as a killed attempt leaves it
      await pinAof(client, place, work, { previousPercentage: '70' });
      assert.equal(await setting(), '70');
      const cancel = new AbortController();
      const onProgress = () => cancel.abort(new Error('cancelled by the test'));
      await assert.rejects(pinAof(client, place, work, { onProgress, signal: cancel.signal }), /cancelled by the test/);
      assert.equal(await setting(), '70');
    });

    it('copies where links cannot be made', async function () {
      if (!existsSync('/dev/shm') || statSync('/dev/shm').dev === statSync(redis.dir).dev) return skipWithout('shm', this);
      const elsewhere = await mkdtemp('/dev/shm/redis-backup-copy-');
      await using _ = { [Symbol.asyncDispose]: () => rm(elsewhere, { recursive: true }) };
      await redis.command('SET', 'last', '0');
      const pinned = await pinAof(await redis.client(), place, elsewhere);
      assert.equal(statSync(pinned.files.at(-1)?.path ?? '').nlink, 1);
      await using copy = await loadCopy(binary, pinned, names);
      await isPrefix(copy, 0);
    });

    if (!isMultiPart) return;

    it('begins anew when the log is rewritten between two links', async () => {
      await redis.command('SET', 'last', '0');
      const manifest = join(redis.dir, names.appenddirname, `${names.appendfilename}.manifest`);
      let rewrites = 0;
      const seen: string[] = [];
      const onProgress = (state: string) => {
        seen.push(state);
        if (state.startsWith('linking') && seen.filter((one) => one.startsWith('linking')).length % 2 === 0 && rewrites++ < 2)
          rewriteNow(redis, manifest);
      };
      const pinned = await pinAof(await redis.client(), place, work, { onProgress });
      assert.equal(seen.filter((state) => /beginning anew/.test(state)).length, 2, seen.join('\n'));
      const current = parseAofManifest(readFileSync(manifest, 'utf8')).filter(({ type }) => type !== 'history');
      assert.deepEqual(
        pinned.files.map(({ name }) => name),
        current.map(({ name }) => name),
      );
      await using copy = await loadCopy(binary, pinned, names);
      await isPrefix(copy, 0);
    });

    it('waits for a rewrite that runs, and not for ever', async () => {
      await redis.command('CONFIG', 'SET', 'rdb-key-save-delay', '2000');
      await redis.command('DEBUG', 'POPULATE', '100');
      await rewriteEnded(redis);
      await redis.command('BGREWRITEAOF');
      const client = await redis.client();
      await assert.rejects(pinAof(client, place, work, { rewriteTimeoutMs: 50 }), {
        code: 'REDIS_NOT_READY',
        message: /has been rewriting its log for 0\.05 s/,
      });
      const states: string[] = [];
      const pinned = await pinAof(client, place, work, { onProgress: (state) => states.push(state) });
      assert.ok(states.includes('waiting for Redis to rewrite its log'), states.join());
      assert.equal(pinned.files[0]?.seq, 2);
    });
  });
}

describe('a copy of a log', () => {
  it('is refused where there is none', async () => {
    await using redis = await startRedis();
    const place = { dir: redis.dir, ...DEFAULTS };
    await assert.rejects(pinAof(await redis.client(), place, join(redis.dir, 'work')), {
      code: 'PLATFORM_UNSUPPORTED',
      message: /runs with appendonly no/,
    });
  });

  it('is refused where this machine sees another directory', async () => {
    await using redis = await startRedis({ config: { appendonly: 'yes' } });
    const dir = await mkdtemp(join(tmpdir(), 'redis-backup-copy-'));
    await using _ = { [Symbol.asyncDispose]: () => rm(dir, { recursive: true }) };
    await assert.rejects(pinAof(await redis.client(), { dir, ...DEFAULTS }, join(dir, 'work')), {
      code: 'PLATFORM_UNSUPPORTED',
      message: /cannot be used from here: ENOENT/,
    });
  });

  it('agrees with redis-check-aof on what is damaged', async function () {
    if (spawnSync('redis-check-aof').error) return skipWithout('redis-check-aof', this);
    await using redis = await startRedis({ config: { appendonly: 'yes' } });
    for (let i = 0; i < 20; i++) await redis.command('SET', `key:${i}`, 'value');
    const pinned = await pinAof(await redis.client(), { dir: redis.dir, ...DEFAULTS }, join(redis.dir, 'work'));
    const dir = join(redis.dir, 'copy');
    mkdirSync(dir);
    for (const { name, path, bytes } of pinned.files) writeFileSync(join(dir, name), readFileSync(path).subarray(0, bytes));
    writeFileSync(join(dir, 'appendonly.aof.manifest'), pinned.manifest ?? '');
    const ours = () =>
      checkAof(dir, pinned.manifest ?? '').then(
        () => 'ok',
        () => 'damaged',
      );
    const incr = join(dir, pinned.files.at(-1)?.name ?? '');
    const whole = readFileSync(incr);
    const { boundary } = await readAofPart(incr, whole.length);
    assert.equal(boundary, whole.length);
    const cases = [whole, whole.subarray(0, -1), whole.subarray(0, -30), Buffer.concat([whole, Buffer.from('x')])];
    for (const content of cases) {
      writeFileSync(incr, content);
      assert.equal(await ours(), verdictOfRedis(dir));
    }
  });
});

function verdictOfRedis(dir: string): string {
  try {
    execFileSync('redis-check-aof', [join(dir, 'appendonly.aof.manifest')], { stdio: 'pipe' });
    return 'ok';
  } catch {
    return 'damaged';
  }
}
