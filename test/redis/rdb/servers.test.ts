import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DEFAULT_DATA_CLASSES } from '../../../model/data-class.ts';
import type { RdbReading } from '../../../redis/rdb/reader.ts';
import { fillAllTypes, fillDataClasses } from '../../support/datasets.ts';
import { readRdb } from '../../support/read-rdb.ts';
import { type RedisBinary, redisBinaries } from '../../support/redis-binaries.ts';
import { type RedisServer, startRedis } from '../../support/redis-server.ts';
import { type Part, skipWithout } from '../../support/skip-without.ts';
import { until } from '../../support/until.ts';

/** RDB version that each release writes; the first, 7.0, must be there, the others run where they are. */
const RELEASES: { release: string; product: 'redis' | 'valkey'; part?: Part; rdb: number }[] = [
  { release: '7.0', product: 'redis', rdb: 10 },
  { release: '6.2', product: 'redis', part: 'redis-6.2', rdb: 9 },
  { release: '8.0', product: 'redis', part: 'redis-8.0', rdb: 12 },
  { release: '8.2', product: 'redis', part: 'redis-8.2', rdb: 12 },
  { release: '8.1', product: 'valkey', part: 'valkey-8.1', rdb: 11 },
];

const binaryOf = (product: string, release: string): RedisBinary | undefined =>
  redisBinaries().find((binary) => binary.product === product && binary.version.startsWith(`${release}.`));

for (const { release, product, part, rdb } of RELEASES) {
  const name = `${product}-${release}`;
  describe(`the RDB of ${name}`, () => {
    let redis: RedisServer;
    let reading: RdbReading;

    before(async function () {
      const binary = binaryOf(product, release);
      if (binary === undefined) {
        assert.ok(part, `no ${name} here: ./scripts/setup, or put it at .cache/bin/${product}-server-${release}`);
        console.log(`      SKIPPED: there is no ${name}; nothing below is tested on it`);
        skipWithout(part, this);
      }
      redis = await startRedis({ binary: binary.path });
      await fillAllTypes({ port: redis.port }, { server: binary });
      await fillDataClasses({ port: redis.port }, { keys: 2000, extraSeconds: 3600 });
      reading = await readSaved(redis);
    });
    after(() => redis?.[Symbol.asyncDispose]());

    it('is whole and understood', () => {
      const { magic, version, parsed, unparsed, crc64 } = reading.facts;
      assert.deepEqual(
        { magic, version, parsed, unparsed, crc64 },
        { magic: 'REDIS', version: rdb, parsed: true, unparsed: undefined, crc64: 'valid' },
      );
      assert.equal(reading.aux[`${product}-ver`], redis.binary.version);
    });

    it('has as many keys and TTLs in each database as the server says', async () => {
      const client = await redis.client();
      assert.deepEqual(reading.facts.databases, await client.dbsizes());
    });

    it('has as many keys of each data class as SCAN finds', async () => {
      const found: Record<string, number> = {};
      for (const { db } of reading.facts.databases) {
        await redis.command('SELECT', `${db}`);
        for (const { name, pattern } of DEFAULT_DATA_CLASSES)
          found[name] = (found[name] ?? 0) + (await countKeys(redis, pattern));
      }
      const classes = reading.census.classes.filter(({ name }) => name !== 'other');
      assert.deepEqual(Object.fromEntries(classes.map(({ name, keys }) => [name, keys])), found);
    });

    it('has as many keys and TTLs as redis-check-rdb counts, and its functions', async () => {
      const text = checkRdb(redis);
      assert.equal(Number(/(\d+) keys read/.exec(text)?.[1]), reading.facts.keys, text);
      assert.equal(Number(/(\d+) expires/.exec(text)?.[1]), reading.facts.expires, text);
      assert.equal(reading.facts.functions, release === '6.2' ? 0 : 2);
    });

    if (product === 'redis' && Number(release) >= 8)
      it('names the module type of a vector set', async () => {
        await redis.command('VADD', 'vectors', 'VALUES', '3', '1', '2', '3', 'element');
        assert.deepEqual((await readSaved(redis)).facts.moduleTypes, ['vectorset']);
      });

    it('is understood under LFU, uncompressed and without a checksum', async () => {
      const config = { 'maxmemory-policy': 'allkeys-lfu', rdbcompression: 'no', rdbchecksum: 'no' };
      await using other = await startRedis({ binary: redis.binary.path, config });
      await fillAllTypes({ port: other.port }, { server: other.binary });
      const { facts } = await readSaved(other);
      assert.deepEqual([facts.parsed, facts.crc64], [true, 'unchecked']);
      assert.deepEqual(facts.databases, await (await other.client()).dbsizes());
    });

    it('is understood when it comes from a cluster', async () => {
      await using node = await startRedis({ binary: redis.binary.path, config: { 'cluster-enabled': 'yes' } });
      await node.command('CLUSTER', 'ADDSLOTS', ...Array.from({ length: 16_384 }, (_, slot) => `${slot}`));
      await until(async () => `${await node.command('CLUSTER', 'INFO')}`.includes('cluster_state:ok'));
      await fillDataClasses({ port: node.port }, { keys: 1000, extraSeconds: 3600 });
      const { facts } = await readSaved(node);
      assert.deepEqual([facts.parsed, facts.crc64, facts.keys], [true, 'valid', 1000]);
    });
  });
}

async function readSaved(redis: RedisServer): Promise<RdbReading> {
  await redis.command('SAVE');
  return readRdb(readFileSync(join(redis.dir, 'dump.rdb')), { sizes: [65_536] });
}

async function countKeys(redis: RedisServer, pattern: string): Promise<number> {
  let count = 0;
  let cursor = '0';
  do {
    const [next, keys] = (await redis.command('SCAN', cursor, 'MATCH', pattern, 'COUNT', '1000')) as [string, string[]];
    count += keys.length;
    cursor = next;
  } while (cursor !== '0');
  return count;
}

/** A server binary is redis-check-rdb when called so; a wrapper script passes no name on, and then the newest other one does. */
function checkRdb({ binary, dir }: RedisServer): string {
  const isScript = readFileSync(binary.path).subarray(0, 2).toString() === '#!';
  const path = isScript ? (binaryOf('redis', '8.2')?.path ?? binary.path) : binary.path;
  const { status, stdout } = spawnSync(path, [join(dir, 'dump.rdb')], { argv0: 'redis-check-rdb', encoding: 'utf8' });
  assert.equal(status, 0, stdout);
  return stdout;
}
