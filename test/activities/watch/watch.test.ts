import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Dependencies, ProtectedInstance } from '../../../activities/dependencies.ts';
import { type Progress, runAsJob } from '../../../activities/job-context.ts';
import { createWatchActivities } from '../../../activities/watch/watch-instance.ts';
import type { HeldBy } from '../../../model/lock.ts';
import type { WatchNews, WatchSession } from '../../../model/watch/watch.ts';
import type { ApplicationProbe } from '../../../probes/connectivity.ts';
import { MAIN } from '../../fixtures/shard.ts';
import { startLoading } from '../../redis/support/start-loading.ts';
import { freePort, type RedisServer, startRedis } from '../../support/redis-server.ts';
import { until } from '../../support/until.ts';

const AFTER_MS = 400;
const SETTINGS = { mode: 'auto', everyMs: 50, afterMs: AFTER_MS, coolDownMs: 1, mostPerHour: 3 } as const;

const RESTORING: HeldBy = { workflowId: 'restore/main', runId: '1', kind: 'restore', interrupts: true };

/** A worker's world of real servers. What Temporal would say is played. */
class Watching {
  readonly drain = new AbortController();
  readonly cancel = new AbortController();
  readonly servers: Record<string, { connection: RedisServer['connection'] }>;
  holder: HeldBy | undefined;
  applications: ApplicationProbe[] = [];
  control: ProtectedInstance['control'];
  replicas: string[] = [];
  last: Progress | undefined;
  readonly notes: string[] = [];

  constructor(servers: Record<string, { connection: RedisServer['connection'] }>) {
    this.servers = servers;
  }

  activities() {
    const deps: Partial<Dependencies> = {
      host: 'here',
      now: Date.now,
      draining: this.drain.signal,
      instances: () => Object.keys(this.servers),
      operations: {
        lockHolder: async (name) => (name === 'main' ? this.holder : undefined),
        doing: async () => undefined,
        recoveries: async () => [],
      },
      instance: async (instance) => ({ shards: [{ instance, shard: '0', name: instance }] }) as never,
      shard: async ({ instance, shard }) => {
        const { applications, control, replicas } = this;
        const { connection } = this.servers[instance] ?? {};
        const of = { instance, shard, name: instance };
        return { ...of, connection, watch: SETTINGS, recovery: { replicas }, applications, control } as never;
      },
    };
    return createWatchActivities(deps as Dependencies);
  }

  job<T>(body: () => Promise<T>): Promise<T> {
    const progress = (details: Progress) => {
      this.last = details;
      this.notes.push(details.note ?? '');
    };
    return runAsJob({ attempt: 1, signal: this.cancel.signal, operationId: 'test', progress }, body);
  }

  watch(stay: Partial<WatchSession> = {}): Promise<WatchNews> {
    return this.job(() => this.activities().watchInstance({ ...MAIN, ...stay }));
  }

  /** One that the watcher takes for serving, and what it ends with. */
  begin(stay: Partial<WatchSession> = {}): Promise<WatchNews> {
    const ended = this.watch({ known: 'serving', ...stay });
    ended.catch(() => undefined); // whoever wants to know awaits it
    return ended;
  }

  untilStage = (stage: string) => until(() => this.last?.stage === stage, { what: stage, seconds: 10 });
}

describe('Watching one Redis', function () {
  this.timeout(30_000);
  let redis: RedisServer;
  let other: RedisServer;
  let watching: Watching;
  before(async () => {
    other = await startRedis();
  });
  beforeEach(async () => {
    redis = await startRedis();
    watching = new Watching({ main: redis, other });
  });
  afterEach(async () => {
    watching.cancel.abort();
    await redis[Symbol.asyncDispose]();
  });
  after(() => other[Symbol.asyncDispose]());

  it('says at once that it serves, and then nothing until the time is over or the worker drains', async () => {
    assert.equal((await watching.watch()).state, 'serving');
    const { ended, state, view } = await watching.watch({ known: 'serving', stayMs: 100 });
    assert.deepEqual({ ended, state, view }, { ended: 'time', state: 'serving', view: undefined });
    const draining = watching.begin();
    await watching.untilStage('serves');
    watching.drain.abort();
    assert.equal((await draining).ended, 'draining');
  });

  it('says when a replica of it was promoted, so that there are two primaries, and when that is over', async () => {
    await using replica = await startRedis({ config: { 'repl-diskless-sync-delay': '0' } });
    const address = `127.0.0.1:${replica.port}`;
    watching.replicas = [address];
    await redis.command('SET', 'a', '1');
    await replica.command('REPLICAOF', '127.0.0.1', String(redis.port));
    await until(async () => (await replica.dbsize()) === 1, { what: 'the replica has all' });
    assert.equal((await watching.watch({ known: 'serving', stayMs: 100 })).ended, 'time');
    await replica.command('REPLICAOF', 'NO', 'ONE');
    const { ended, state, twins } = await watching.watch({ known: 'serving' });
    assert.deepEqual([ended, state, twins?.map((one) => one.address)], ['changed', 'serving', [address]]);
    assert.match(twins?.[0]?.text ?? '', /^Two primaries of one history: beside main \(1 key, offset [\d,]+\) 127/);
    assert.equal((await watching.watch({ known: 'serving', twins: [address], stayMs: 100 })).ended, 'time', 'it is no news');
    watching.replicas = []; // only Redis has named it, and does no longer
    assert.equal((await watching.watch({ known: 'serving', twins: [address], stayMs: 100 })).ended, 'time', 'it is no news');
    await replica.command('REPLICAOF', '127.0.0.1', String(redis.port));
    const over = await watching.watch({ known: 'serving', twins: [address] });
    assert.deepEqual([over.ended, over.twins], ['changed', []]);
  });

  it('says that it fails after kill -9, not before it has for long enough, and that it serves when it is back', async () => {
    const ended = watching.begin();
    await watching.untilStage('serves');
    const killedMs = Date.now();
    await redis.kill('SIGKILL');
    const news = await ended;
    assert.equal(news.state, 'failing');
    assert.ok(Date.now() - killedMs >= AFTER_MS, `after ${Date.now() - killedMs} ms`);
    assert.equal(news.view?.worker.verdict, 'fails');
    assert.match(news.view?.worker.detail ?? '', /ECONNREFUSED/);
    const failing = watching.notes.filter((note) => note.startsWith('fails'));
    assert.deepEqual([failing.length > 0, failing.filter((note) => / for \d+ ms:/.test(note))], [true, []]);
    assert.equal(news.view?.application.verdict, 'unknown');
    assert.equal(news.view?.allFailing, undefined, 'the other serves');
    const { since } = news;
    const back = watching.begin({ known: 'failing', ...(since ? { since } : {}) });
    await watching.untilStage('fails');
    await redis.restart();
    assert.equal((await back).state, 'serving');
  });

  it('says of one that it did not see serve at last that it did not, though that is no news', async () => {
    await redis.kill('SIGKILL');
    watching.holder = RESTORING;
    const { ended, unseen } = await watching.watch({ known: 'serving', stayMs: 2 * AFTER_MS });
    assert.deepEqual({ ended, unseen }, { ended: 'time', unseen: true });
  });

  it('does not count a moment of absence', async () => {
    const ended = watching.begin({ stayMs: 1500 });
    await watching.untilStage('serves');
    await redis.kill('SIGKILL');
    await watching.untilStage('fails');
    await redis.restart();
    assert.deepEqual(
      { ...(await ended), deadBefore: [] },
      { ended: 'time', state: 'serving', deadBefore: [], twins: [], detail: 'a primary that answers' },
    );
  });

  it('sees one that is stopped and takes connections all the same', async () => {
    const ended = watching.begin();
    await watching.untilStage('serves');
    await redis.kill('SIGSTOP');
    const { state, view } = await ended;
    assert.equal(state, 'failing');
    assert.match(view?.worker.detail ?? '', /no answer came in time/);
  });

  it('lets a Redis load for as long as that goes on', async () => {
    await using loading = await startLoading();
    watching = new Watching({ main: loading, other });
    const news = await watching.watch({ known: 'failing', since: new Date(Date.now() - 1000).toISOString() });
    assert.equal(news.state, 'loading');
    assert.match(news.detail, /it loads its data, \d+ % so far/);
    const { state } = await watching.watch({ known: 'loading', stayMs: 3 * AFTER_MS });
    assert.equal(state, 'loading');
    assert.equal(watching.last?.stage, 'loading', 'it was loading all the time');
  });

  it('counts nothing while an operation keeps it from serving, and begins anew afterwards', async () => {
    watching.holder = RESTORING;
    const ended = watching.begin();
    await watching.untilStage('serves');
    await redis.command('SHUTDOWN', 'NOSAVE').catch(() => undefined); // it answers by going
    await watching.untilStage('operation');
    assert.match(watching.last?.note ?? '', /^not counted, restore\/main runs: /);
    await until(() => !redis.isRunning());
    const { state } = await watching.watch({ known: 'serving', stayMs: 2 * AFTER_MS });
    assert.equal(state, 'serving', 'nothing was said');
    watching.holder = undefined;
    assert.equal((await ended).state, 'failing');
  });

  it('counts while a backup holds the lock: that stops no Redis', async () => {
    watching.holder = { workflowId: 'backup/main', runId: '1', kind: 'backup', interrupts: false };
    await redis.kill('SIGKILL');
    assert.equal((await watching.begin()).state, 'failing');
  });

  it('counts while a restore holds the lock that has not stopped it: it died of something else', async () => {
    watching.holder = { ...RESTORING, interrupts: false };
    await redis.kill('SIGKILL');
    assert.equal((await watching.begin()).state, 'failing');
  });

  it('takes the failure of all for its own, but not of one that had failed before', async () => {
    await using third = await startRedis();
    const dead = { connection: { host: '127.0.0.1', port: await freePort() } };
    watching = new Watching({ main: redis, third, dead });
    const ended = watching.begin();
    await watching.untilStage('serves');
    await Promise.all([redis.kill('SIGKILL'), third.kill('SIGKILL')]);
    const news = await ended;
    assert.deepEqual(
      { state: news.state, all: news.view?.allFailing, before: news.deadBefore },
      { state: 'all-failing', all: 1, before: ['dead'] },
    );
    const { since = '', deadBefore } = news;
    const next = watching.begin({ known: 'all-failing', since, deadBefore });
    await third.restart();
    const { state, view } = await next;
    assert.deepEqual({ state, all: view?.allFailing }, { state: 'failing', all: undefined });
  });

  it('does not take a replica for a primary, nor a full one for one that takes writes', async () => {
    await redis.command('REPLICAOF', '127.0.0.1', String(other.port));
    assert.match((await watching.begin()).view?.worker.detail ?? '', /it is a replica of 127\.0\.0\.1/);
    await redis.command('REPLICAOF', 'NO', 'ONE');
    await redis.command('CONFIG', 'SET', 'maxmemory', '1000');
    assert.match((await watching.begin()).view?.worker.detail ?? '', /its memory is full .* it refuses writes/);
  });

  it('says that it cannot tell where its password is refused', async () => {
    await redis.command('CONFIG', 'SET', 'requirepass', 'rotated');
    const { state, detail } = await watching.begin();
    assert.equal(state, 'unclear');
    assert.match(detail, /NOAUTH/);
  });

  describe('with applications', () => {
    let page: Server;
    let status = 200;
    before(async () => {
      page = createServer((_, response) => response.writeHead(status).end());
      await new Promise<void>((resolve) => page.listen(0, '127.0.0.1', resolve));
    });
    after(() => page.close());
    const look = () => watching.job(() => watching.activities().observeInstance(MAIN));

    it('asks each once: one that works with Redis is enough, and CLIENT LIST is no witness', async () => {
      const url = `http://127.0.0.1:${(page.address() as AddressInfo).port}/health`;
      watching.applications = [
        { name: 'seen', kind: 'clients', clientNames: ['seen'] },
        { name: 'api', kind: 'http', urls: [url] },
        { name: 'login', kind: 'command', command: ['false'] },
      ];
      assert.deepEqual((await look()).application, { verdict: 'serves', detail: 'api works with it' });
      status = 503;
      const { application } = await look();
      assert.equal(application.verdict, 'fails');
      assert.match(application.detail, /^api: .*status 503/);
      watching.applications = watching.applications.slice(0, 1);
      assert.equal((await look()).application.verdict, 'unknown');
    });
  });

  it('asks on its own machine for the process, and then that process', async () => {
    let running = true;
    watching.control = {
      queue: 'host/here',
      isAtHand: true,
      where: 'on here',
      runs: redis.configFile,
      noProgressMs: 60_000,
      open: () => ({ status: async () => ({ running, name: `process ${redis.pid}` }) }) as never,
    };
    const look = () => watching.job(() => watching.activities().observeProcess(MAIN));
    assert.equal((await look()).verdict, 'serves');
    await redis.kill('SIGSTOP');
    assert.deepEqual((await look()).verdict, 'fails');
    running = false;
    assert.deepEqual(await look(), { verdict: 'fails', detail: 'there is no process on here' });
  });
});
