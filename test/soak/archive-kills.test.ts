import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { ArchiveLoad } from '../support/archive-load.ts';
import { Archived, peakMb } from '../support/archived.ts';
import { type FaultProxy, startHttpFaultProxy } from '../support/fault-proxy.ts';
import { House } from '../support/house.ts';
import { randomFrom } from '../support/random.ts';
import { type S3Server, startS3 } from '../support/s3-server.ts';
import { until } from '../support/until.ts';

const KILLS = Number(process.env.KILLS) || 50;
/** Longer than the store's own patience of a minute. */
const AWAY_MS = 1000 * (Number(process.env.AWAY_SECONDS) || 75);
const MB = 1024 * 1024;
const PEAK_MB = 350;
const HOUR_MS = 3600_000;
/** A worker that is dead is noticed after 5 s, and the next attempt comes within 3 s. */
const NOTICED_MS = 8_000;

describe('A continuous log under load, whose worker is killed again and again', function () {
  this.timeout(60_000 + KILLS * 30_000 + AWAY_MS);
  let s3: S3Server;
  let proxy: FaultProxy;
  let house: House;
  let archived: Archived;

  before(async () => {
    s3 = await startS3();
    proxy = await startHttpFaultProxy(s3.port);
    house = await House.open({
      store: s3.location('soak'),
      redis: { config: { 'repl-backlog-size': '256mb' } },
      instance: { archive: { segmentAge: '1s', restartDelay: '1s' } },
    });
    await house.reconfigure((config) => {
      config.repository.endpoint = proxy.endpoint; // for the worker; we look at the store itself
      Object.assign(config, { worker: { host: 'here', spool: { directory: house.dir, maxBytes: '1GiB' } } });
    });
    archived = new Archived(house);
    await house.ask('SET', 'first', 'value');
    await archived.start();
    await until(async () => (await archived.archive.newestTimeline()) !== undefined, { what: 'a timeline' });
  });
  after(async () => {
    await house?.close();
    await proxy?.stop();
    await s3?.stop();
  });

  it(`has no gap and nothing twice after ${KILLS} times kill -9 at any moment`, async () => {
    const random = randomFrom();
    const first = await archived.newest();
    await using load = new ArchiveLoad(house.redis, { bulkBytes: 5_000, pauseMs: 20 });
    for (let kill = 0; kill < KILLS; kill++) {
      const { offset } = await archived.end();
      if (random.below(3) > 0) await until(async () => (await archived.end()).offset > offset, { what: 'it goes on' });
      await sleep(random.below(random.pick([50, 1_000, NOTICED_MS]))); // at any moment: that is what is tested
      await house.killWorker();
      await house.startWorker();
    }
    await load.stop();
    await archived.assertRestorable();
    const { timelines, headers } = await archived.assertChained();
    const attempts = new Set(headers.map(({ attempt }) => attempt)).size;
    const bytes = (await archived.end()).offset - first.first;
    console.log(
      `      seed ${random.seed}: ${attempts} archivers wrote ${headers.length} segments, ${Math.round(bytes / MB)} MB`,
    );
    assert.equal(timelines.length, 1);
    assert.ok(attempts > KILLS / 2, 'most were killed before they did anything');
  });

  it('has one writer although a worker that was taken for dead wakes up again', async () => {
    const { timelineId } = await archived.newest();
    await using load = new ArchiveLoad(house.redis, { bulkBytes: 5_000 });
    const sleeper = house.workerPid as number;
    for (let time = 0; time < 3; time++) {
      const { offset } = await archived.end();
      await until(async () => (await archived.end()).offset > offset, { what: 'it archives' });
      process.kill(sleeper, 'SIGSTOP');
      if (time === 0) await house.startWorker();
      await sleep(NOTICED_MS);
      const later = await archived.end();
      await until(async () => (await archived.end()).offset > later.offset, { what: 'another worker archives' });
      process.kill(sleeper, 'SIGCONT');
      await sleep(2_000); // in which it would do harm
    }
    process.kill(sleeper, 'SIGKILL');
    await load.stop();
    await archived.assertRestorable();
    await archived.assertChained();
    assert.equal((await archived.newest()).timelineId, timelineId);
  });

  it(`holds what comes while the store is away for ${AWAY_MS / 1000} s, longer than the store is waited for`, async () => {
    const { timelineId } = await archived.newest();
    await house.killWorker();
    await house.startWorker(); // its memory is measured from here on
    await house.ask('SET', 'fresh', 'worker');
    await archived.untilCaughtUp();
    const { offset } = await archived.end();
    await house.ask('CONFIG', 'SET', 'repl-backlog-size', '1mb'); // whoever asks Redis again finds a gap
    await using load = new ArchiveLoad(house.redis, { bulkBytes: 20_000 });
    await proxy.goAway();
    await sleep(AWAY_MS); // not a wait for something: this is the test
    assert.match(await archived.note(), /the oldest unstored write is .* old/);
    await proxy.comeBack();
    await load.stop();
    await archived.assertRestorable();
    await archived.assertChained();
    assert.equal((await archived.newest()).timelineId, timelineId, 'it began anew');
    const mb = Math.round(((await archived.end()).offset - offset) / MB);
    console.log(`      ${mb} MB came meanwhile; the worker had at most ${peakMb(house.workerPid)} MB`);
    assert.ok(peakMb(house.workerPid) < PEAK_MB);
  });

  it('records the gap when more was written than Redis keeps', async () => {
    const former = await archived.newest();
    await archived.untilCaughtUp();
    const end = await archived.end();
    await house.killWorker();
    const killedAtMs = Date.now();
    const load = new ArchiveLoad(house.redis, { bulkBytes: 50_000 });
    await until(async () => (await archived.sourceAt()).offset > end.offset + 3 * MB, { what: 'the backlog is overrun' });
    await load.stop();
    const overrunAtMs = Date.now();
    await house.startWorker();
    await until(async () => (await archived.newest()).timelineId !== former.timelineId, { what: 'another timeline' });
    const { parent, reason, startedAt, first, replid } = await archived.newest();
    assert.equal(reason, 'full-resync');
    assert.deepEqual(
      [replid, parent?.timelineId, parent?.end, parent?.gap],
      [former.replid, former.timelineId, end.offset, true],
    );
    assert.ok(first > end.offset);
    assert.ok(Date.parse(parent?.endedAt ?? '') <= killedAtMs && Date.parse(startedAt) >= overrunAtMs);
    assert.equal((await house.command('restore', '--until', new Date(overrunAtMs).toISOString(), '--plan')).code, 24);
    await house.ask('SET', 'behind', 'the gap');
    await archived.assertRestorable();
    await archived.assertChained();
  });

  it('goes on in another timeline, without a gap and with true times, when the clock of a worker was an hour ahead', async () => {
    const ask = async (value: string) => {
      await house.ask('SET', 'step', value);
      await archived.untilCaughtUp();
    };
    await ask('by the right clock');
    await house.killWorker();
    await house.startWorker(undefined, { CLOCK_AHEAD_MS: `${HOUR_MS}` });
    await ask('by a clock that is an hour ahead');
    await house.killWorker();
    await house.startWorker();
    await ask('by the right clock again');
    await ask('and again');
    const { timelines, headers } = await archived.assertChained();
    assert.equal(timelines.at(-1)?.parent?.gap, false);
    const ahead = headers.filter(({ lastAtMs }) => lastAtMs > Date.now() + HOUR_MS / 2);
    assert.deepEqual(ahead, headers.slice(-3, -2), 'only what came by the wrong clock has its times');
    const found: string[] = [];
    for (const { lastAtMs } of headers.slice(-4).filter((header) => !ahead.includes(header))) {
      await using copy = await archived.restored(new Date(lastAtMs).toISOString());
      found.push(String(await copy.command('GET', 'step')));
    }
    assert.deepEqual(found, ['by the right clock', 'by the right clock again', 'and again']);
  });
});
