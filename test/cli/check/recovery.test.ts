import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { startRedis } from '../../support/redis-server.ts';
import { freePort } from '../../support/temporal.ts';
import { until } from '../../support/until.ts';
import { CheckStage, found, POLICY } from '../support/check-stage.ts';

describe('redis-backup check of what a recovery will ask', function () {
  this.timeout(60_000);
  let stage: CheckStage;
  before(async () => {
    stage = await CheckStage.open();
  });
  after(() => stage?.close());

  it('says that nobody watches, where that is configured', async () => {
    await using here = await stage.siteWith({ config: POLICY }, 'watch: {}');
    const next = 'Run `redis-backup watch main`.';
    assert.deepEqual(await found(here.site, 'watcher'), [
      { level: 'failed', message: 'watch/main does not run: nobody notices an outage', next },
    ]);
  });

  it('looks at each replica that is named', async () => {
    await using here = await stage.siteWith({ config: POLICY }, 'recovery: { replicas: [] }');
    await using other = await startRedis();
    await using replica = await startRedis({ config: { replicaof: `127.0.0.1 ${here.redis.port}` } });
    await until(async () => String(await replica.command('INFO', 'replication')).includes('master_link_status:up'), {
      what: 'the replica follows',
    });
    const closed = await freePort();
    const addresses = [replica.port, other.port, closed].map((port) => `127.0.0.1:${port}`);
    const text = await readFile(here.site.configFile, 'utf8');
    await writeFile(
      here.site.configFile,
      text.replace('replicas: []', `replicas: [${addresses.map((one) => `"${one}"`).join(', ')}]`),
    );
    const [first, second, third] = await found(here.site, 'replicas');
    assert.deepEqual([first?.level, first?.message], ['ok', `127.0.0.1:${replica.port} is a replica with 0 keys`]);
    assert.deepEqual([second?.level, third?.level], ['warning', 'warning']);
    assert.match(second?.message ?? '', /is a primary: nothing proves that it has a copy of this data/);
    assert.match(third?.message ?? '', /does not answer: nothing listens there/);
  });

  it('fails where one of them was promoted, and both are primaries of one history', async () => {
    await using here = await stage.siteWith({ config: POLICY }, 'recovery: { replicas: [] }');
    await here.redis.command('SET', 'a', '1');
    await using replica = await startRedis({ config: { replicaof: `127.0.0.1 ${here.redis.port}` } });
    await until(async () => (await replica.dbsize()) === 1, { what: 'the replica has all' });
    const text = await readFile(here.site.configFile, 'utf8');
    await writeFile(here.site.configFile, text.replace('replicas: []', `replicas: ["127.0.0.1:${replica.port}"]`));
    await replica.command('REPLICAOF', 'NO', 'ONE');
    await replica.command('SET', 'b', '1');
    await here.redis.command('SET', 'c', 'x'.repeat(500));
    const [finding] = await found(here.site, 'replicas');
    assert.equal(finding?.level, 'failed');
    assert.match(
      finding?.message ?? '',
      new RegExp(
        `^Two primaries of one history: beside main \\(2 keys, offset \\d+\\) 127\\.0\\.0\\.1:${replica.port}, .* with 2 keys at offset \\d+: alone since offset \\d+, and what main was told since then \\(\\d+ B\\) it lacks$`,
      ),
    );
    assert.match(finding?.next ?? '', /let the other take no more writes\. Nothing is done to either/);
  });

  it('asks for the rate of sign-ins, and says why it is not known', async () => {
    const source = `{ kind: http, url: "http://127.0.0.1:${await freePort()}", field: rate }`;
    await using here = await stage.siteWith({ config: POLICY }, `recovery: { authentication: ${source} }`);
    const [finding, ...more] = await found(here.site, 'sign-ins');
    assert.deepEqual(more, []);
    assert.equal(finding?.level, 'warning');
    assert.match(finding?.message ?? '', /^the rate of authentication requests is not known: .* cannot be asked: ECONNREFUSED$/);
  });

  it('wants the token of the webhook, and somebody who does something with an alert', async () => {
    const worker = 'webhook: { port: 9911, token: { env: CHECK_TEST_TOKEN } }';
    await using here = await stage.siteWith({ config: POLICY }, 'watch: {}', { worker });
    const [missing] = await found(here.site, 'webhook');
    assert.equal(missing?.level, 'failed');
    assert.match(missing?.message ?? '', /CONFIG_INVALID: .*CHECK_TEST_TOKEN, which is not set/);
    await using there = await stage.siteWith({ config: POLICY }, '', { worker: worker.replace('CHECK_TEST_TOKEN', 'PATH') });
    const [useless] = await found(there.site, 'webhook');
    assert.match(useless?.message ?? '', /no instance has `watch`/);
  });
});
