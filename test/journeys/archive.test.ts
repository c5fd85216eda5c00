import assert from 'node:assert/strict';
import type { ArchiveStatus } from '../../model/archive/archiving.ts';
import { openRedis } from '../../redis/client/client.ts';
import type { Archive } from '../../repository/archive/archive.ts';
import { House } from '../support/house.ts';
import { freePort } from '../support/redis-server.ts';
import { until } from '../support/until.ts';

describe('The continuous log of a Redis', function () {
  this.timeout(180_000);
  let house: House;
  let archive: Archive;
  before(async () => {
    house = await House.open({
      redis: { config: { appendonly: 'yes' } },
      instance: { archive: { segmentAge: '1s', restartDelay: '1s' } },
    });
    archive = house.repository.archive({ instance: 'main', shard: '0' });
    await house.ask('SET', 'first', 'value');
  });
  after(() => house?.close());

  const offset = async (): Promise<number> =>
    Number(/master_repl_offset:(\d+)/.exec(String(await house.ask('INFO', 'replication')))?.[1]);
  const stored = async (): Promise<number> => {
    const timeline = await archive.newestTimeline();
    return timeline ? (await archive.position(timeline.timelineId)).end : -1;
  };
  const handle = () => house.client.workflow.getHandle('archive/main');
  const status = () => handle().query<ArchiveStatus>('status');

  it('begins with a base of its own, and stores what is written within seconds', async () => {
    await house.client.workflow.start('archiveContinuously', {
      workflowId: 'archive/main',
      taskQueue: 'redis-ops',
      args: [{ instance: 'main' }],
    });
    await until(async () => (await archive.newestTimeline()) !== undefined, { what: 'a timeline' });
    const [base] = await house.repository.snapshots({ instance: 'main', shard: '0' }).list();
    assert.equal(base?.reason, 'archive');
    assert.equal(base?.rdb.keys, 1);
    await house.ask('SET', 'second', 'value');
    const written = await offset();
    await until(async () => (await stored()) >= written, { what: 'the write is stored' });
  });

  it('says what would be lost, also to somebody who asks the workflow', async () => {
    await until(async () => (await status()).rpo !== undefined, { what: 'it is known' });
    const { seconds = -1, storedUpTo = '', asOf = '' } = (await status()).rpo ?? {};
    assert.ok(seconds >= 0 && seconds < 5);
    assert.ok(Date.parse(storedUpTo) <= Date.parse(asOf) && Math.abs(Date.now() - Date.parse(asOf)) < 60_000);
  });

  it('lets WAIT return when the write is in the object store', async () => {
    using client = await openRedis(house.redis.connection);
    await client.command('SET', 'waited-for', 'value');
    const written = await offset();
    assert.equal(await client.command('WAIT', '1', '20000'), 1);
    assert.ok((await stored()) >= written);
  });

  it('writes nothing while nothing is written', async () => {
    const count = async () => (await archive.segments((await archive.newestTimeline())?.timelineId ?? '')).length;
    const written = await offset();
    await until(async () => (await stored()) >= written, { what: 'all is stored' });
    const before = await count();
    await until(async () => (await offset()) > written, { seconds: 20, what: 'a PING of Redis to its replicas' });
    assert.equal(await count(), before);
  });

  it('goes on at the last stored byte when its worker is killed', async () => {
    const timeline = await archive.newestTimeline();
    await house.killWorker();
    await house.ask('SET', 'while-it-was-dead', 'value');
    const written = await offset();
    await house.startWorker();
    await until(async () => (await stored()) >= written, { seconds: 30, what: 'the write is stored' });
    assert.equal((await archive.newestTimeline())?.timelineId, timeline?.timelineId);
  });

  it('lets go of Redis when it is told to, with everything stored, and comes back', async () => {
    const connected = async () => /connected_slaves:1/.test(String(await house.ask('INFO', 'replication')));
    await house.ask('SET', 'just-before', 'value');
    const written = await offset();
    await handle().executeUpdate('detach', { args: [{ by: 'a test' }] });
    assert.equal(await connected(), false);
    assert.ok((await stored()) >= written);
    const { phase, rpo } = await status();
    assert.equal(phase, 'detached');
    assert.equal(rpo?.seconds, 0);
    const [last] = await archive.segments((await archive.newestTimeline())?.timelineId ?? '').then((all) => all.slice(-1));
    assert.ok(last);
    assert.equal(rpo.storedUpTo, new Date((await archive.header(last)).lastAtMs).toISOString());
    await handle().executeUpdate('attach', { args: [{ by: 'a test' }] });
    await until(connected, { what: 'it follows again' });
  });

  it('tells Prometheus what would be lost now, and how old the last backup is', async () => {
    const port = await freePort();
    await house.reconfigure((config) => Object.assign(config, { worker: { host: 'here', metrics: { port } } }));
    const figures = async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    await until(async () => /^redis_backup_archive_rpo_seconds\{instance="main"\} \d/m.test(await figures()), {
      what: 'the RPO',
    });
    const text = await figures();
    assert.match(text, /^redis_backup_archive_following\{instance="main"\} 1$/m);
    assert.match(text, /^redis_backup_last_backup_age_seconds\{instance="main"\} \d/m);
    assert.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 404);
  });

  it('ends for good when its instance is removed, and its backups stay', async () => {
    const { stdout, code, stderr } = await house.command('remove', 'main', '--yes');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^removed main:\n(?: {2}ended: \S+\n)* {2}ended: archive\/main\n/);
    assert.match(stdout, /\n {2}stays: \d+ backups?, and the continuous log in \S+, which no retention touches any more\n/);
    assert.match(stdout, /take instances\.main out of \S+redis-backup\.yaml/);
    assert.equal((await house.command('archive', '--status')).code, 62);
  });
});
