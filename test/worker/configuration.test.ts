import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../../config/config.ts';
import { fingerprintOf, wholeFingerprint } from '../../config/fingerprint.ts';
import { parseConfig } from '../../config/load.ts';
import { changedConfig } from '../../worker/changed-config.ts';
import { identityOfWorker, parseIdentity, type WorkerIdentity } from '../../worker/identity.ts';
import { configDifferences } from '../../worker/pollers.ts';

const MAIN =
  'main: { url: redis://127.0.0.1:6379, platform: { type: process, configFile: /etc/redis/redis.conf, start: { systemd: redis.service } } }';
const yaml = (instances = MAIN, url = 'file:///backups', worker = '{ host: db1 }') =>
  `repository: { url: "${url}" }\nworker: ${worker}\ninstances:\n  ${instances}\n`;
const configOf = (text: string) => parseConfig(text, '/etc/redis-backup.yaml');
const identity = (text: string): WorkerIdentity => {
  const parsed = parseIdentity(identityOfWorker(configOf(text)));
  assert.ok(parsed);
  return parsed;
};

describe('Which configuration a worker has', () => {
  it('stands in its identity, which tells what it has otherwise', () => {
    assert.deepEqual(configDifferences(configOf(yaml()), identity(yaml())), []);
    const two = yaml(`${MAIN}\n  cache: { url: redis://127.0.0.1:6380 }`);
    assert.deepEqual(configDifferences(configOf(two), identity(yaml())), ['it does not know cache']);
    assert.deepEqual(configDifferences(configOf(yaml()), identity(two)), ['it has cache, too']);
    const archived = yaml(MAIN.replace('platform:', 'archive: {}, platform:'));
    assert.deepEqual(configDifferences(configOf(archived), identity(yaml())), ['other settings of main']);
    assert.deepEqual(configDifferences(configOf(yaml(MAIN, 'file:///other')), identity(yaml())), [
      'another repository, deployment or Temporal section',
    ]);
  });

  it('names an instance of several Redis, too', () => {
    const one = configOf(yaml());
    const { main } = one.instances;
    const shards = main ? ['0', '1'].flatMap((id) => main.shards.map((shard) => ({ ...shard, id }))) : [];
    const config = { ...one, instances: { main: { ...main, shards } } } as Config;
    const instances = parseIdentity(identityOfWorker(config))?.instances;
    assert.deepEqual(instances?.map(({ instance, address }) => [instance, address]), [['main', '127.0.0.1:6379,127.0.0.1:6379']]); // biome-ignore format: one line
  });

  it('is the same on another machine, and with comments and defaults written out', () => {
    const elsewhere = configOf(yaml(MAIN, 'file:///backups', '{ host: db2 }'));
    assert.deepEqual(configDifferences(elsewhere, identity(yaml())), []);
    const written = configOf(`# a comment\n${yaml(MAIN.replace('platform:', 'backup: { every: 6h }, platform:'))}`);
    assert.deepEqual(fingerprintOf(written), fingerprintOf(configOf(yaml())));
    assert.notEqual(wholeFingerprint(elsewhere), wholeFingerprint(configOf(yaml())));
  });

  it('says nothing of instances that do not fit into an identity', () => {
    const many = yaml(Array.from({ length: 60 }, (_, i) => `redis-${i}: { url: redis://127.0.0.1:${6379 + i} }`).join('\n  '));
    assert.ok(identityOfWorker(configOf(many)).length < 1000);
    assert.deepEqual(configDifferences(configOf(many), identity(many)), []);
  });
});

describe('A configuration file that changes under a worker', function () {
  this.timeout(180_000);
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'redis-backup-changed-'));
  });
  afterEach(() => rm(dir, { recursive: true }));

  it('is handed over when it says something else and is well-formed, and no sooner', async () => {
    const file = join(dir, 'redis-backup.yaml');
    await writeFile(file, yaml());
    const over = new AbortController();
    const config = parseConfig(yaml(), file);
    const changed = changedConfig(config, {
      known: wholeFingerprint(config),
      refused: new Set(),
      signal: over.signal,
      everyMs: 20,
    });
    let isOver = false;
    void changed.then(() => {
      isOver = true;
    });
    const settled = () => new Promise((resolve) => setTimeout(resolve, 1_000)); // many looks, and no event ends it
    await writeFile(file, `# a comment\n${yaml()}`);
    await settled();
    await writeFile(file, `${yaml()}  nonsense`);
    await settled();
    assert.equal(isOver, false);
    await writeFile(file, yaml(`${MAIN}\n  cache: { url: redis://127.0.0.1:6380 }`));
    assert.deepEqual(Object.keys((await changed)?.instances ?? {}), ['main', 'cache']);
  });

  it('is waited for until the worker ends', async () => {
    const file = join(dir, 'redis-backup.yaml');
    await writeFile(file, yaml());
    const config = parseConfig(yaml(), file);
    const over = new AbortController();
    const changed = changedConfig(config, {
      known: wholeFingerprint(config),
      refused: new Set(),
      signal: over.signal,
      everyMs: 20,
    });
    over.abort();
    assert.equal(await changed, undefined);
  });
});
