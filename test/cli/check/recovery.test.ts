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
    assert.match(second?.message ?? '', /is a primary: it has no copy of this data/);
    assert.match(third?.message ?? '', /does not answer: nothing listens there/);
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
