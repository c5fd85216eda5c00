import assert from 'node:assert/strict';
import { startRedis } from '../support/redis-server.ts';
import { until } from '../support/until.ts';
import { CheckStage, found, POLICY } from './support/check-stage.ts';

describe('redis-backup check of the continuous log', function () {
  this.timeout(60_000);
  let stage: CheckStage;
  before(async () => {
    stage = await CheckStage.open();
  });
  after(() => stage?.close());

  it('looks at nothing where none is configured', async () => {
    await using here = await stage.siteWith({ config: POLICY });
    for (const check of ['archive', 'archiver', 'backlog']) assert.deepEqual(await found(here.site, check), []);
  });

  it('says that nobody archives', async () => {
    await using here = await stage.siteWith({ config: POLICY }, 'archive: {}');
    assert.deepEqual(await found(here.site, 'archiver'), [
      {
        level: 'failed',
        message: 'archive/main does not run: nothing is archived',
        next: 'Run `redis-backup archive main`.',
      },
    ]);
  });

  it('proposes a backlog for two minutes of the writes that it measures, with the memory that it takes', async () => {
    await using here = await stage.siteWith({ config: { ...POLICY, maxmemory: '1gb' } }, 'archive: {}');
    await using replica = await startRedis({ config: { replicaof: `127.0.0.1 ${here.redis.port}` } });
    await until(async () => String(await replica.command('INFO', 'replication')).includes('master_link_status:up'), {
      what: 'somebody follows, so there is a backlog',
    });
    let writing = true;
    const writer = await here.redis.client();
    const written = (async () => {
      while (writing) await writer.command('SET', 'k', 'x'.repeat(100_000));
    })();
    const [finding] = await found(here.site, 'backlog');
    writing = false;
    await written;
    assert.equal(finding?.level, 'warning');
    assert.match(finding?.message ?? '', /repl-backlog-size 1\.0 MB is overrun in/);
    assert.match(
      finding?.next ?? '',
      /Set repl-backlog-size to \d+ \(.* of memory, which counts against maxmemory \(1\.1 GB\)\)/,
    );
  });

  it('refuses to be counted by min-replicas-to-write, unless that is accepted', async () => {
    const config = { ...POLICY, 'min-replicas-to-write': '1' };
    await using refused = await stage.siteWith({ config }, 'archive: {}');
    const [finding] = await found(refused.site, 'archive');
    assert.equal(finding?.level, 'failed');
    assert.match(finding?.message ?? '', /would count the archiver as one of these replicas/);
    await using accepted = await stage.siteWith({ config }, 'archive: { allowMinReplicas: true }');
    assert.deepEqual(await found(accepted.site, 'archive'), []);
  });
});
