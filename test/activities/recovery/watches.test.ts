import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAuthenticationActivities } from '../../../activities/recovery/authentication.ts';
import { createBaselineActivities } from '../../../activities/recovery/baseline.ts';
import { createWarmupActivities, type WatchWarmupInput } from '../../../activities/recovery/warmup.ts';
import type { WarmupWatch } from '../../../model/recovery/recovery.ts';
import { openRedis } from '../../../redis/client/client.ts';
import { MAIN } from '../../fixtures/shard.ts';
import { Recovering } from '../../support/recovering.ts';
import { type RedisServer, startRedis } from '../../support/redis-server.ts';
import { until } from '../../support/until.ts';

const now = () => new Date().toISOString();

describe('A Redis that is watched after a recovery', function () {
  this.timeout(20_000);
  let redis: RedisServer;
  let recovering: Recovering;
  let hitPercent: number;
  let load: { stop(): Promise<void> } | undefined;

  /** A client that never rests; of 100 lookups `hitPercent` find their key. It connects again when Redis comes back. */
  const begin = (): void => {
    let ended = false;
    const run = async () => {
      while (!ended) {
        try {
          using client = await openRedis(redis.connection);
          await client.command('SET', 'there', '1');
          const keys = Array.from({ length: 100 }, (_, i) => (i < hitPercent ? 'there' : `gone:${i}`));
          await client.batch(keys.map((key) => ['GET', key] as const));
        } catch {
          // Redis is away: this is what the test is about
        }
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    const running = run();
    load = {
      stop: () => {
        ended = true;
        return running;
      },
    };
  };
  const watch = (parts: Partial<WatchWarmupInput> = {}): Promise<WarmupWatch> =>
    recovering.job(() =>
      createWarmupActivities(recovering.deps).watchWarmup({
        ...MAIN,
        settings: recovering.settings.warmup,
        begun: now(),
        ...parts,
      }),
    );
  const baseline = { hitRate: 0.8, from: 'same hour of earlier days' } as const;

  beforeEach(async () => {
    redis = await startRedis({ config: { save: '' } });
    recovering = new Recovering(redis);
    hitPercent = 80;
  });
  afterEach(async () => {
    await load?.stop();
    await redis[Symbol.asyncDispose]();
  });

  it('is warm when enough lookups find their keys for some windows in a row', async () => {
    hitPercent = 20;
    begin();
    const watching = watch({ baseline });
    await until(() => recovering.notes.some((note) => note.startsWith('hit 20 % of target 80 %, 0 of 3')), {
      what: 'it is cold',
    });
    hitPercent = 80;
    const { verdict, text, targetFrom, target } = await watching;
    assert.deepEqual([verdict, targetFrom, target], ['warm', 'same hour of earlier days', 0.8]);
    assert.match(text, /^warm: (7[5-9]|8\d) %$/);
    assert.ok(recovering.notes.some((note) => /2 of 3 windows/.test(note)));
  });

  it('is waited for while it is away, and counted anew when it is another process', async () => {
    begin();
    const watching = watch({ baseline, settings: { ...recovering.settings.warmup, windows: 8, limitMs: 15_000 } });
    await until(() => recovering.notes.some((note) => /[1-7] of 8/.test(note)), { what: 'windows count' });
    await redis.kill('SIGKILL');
    await until(() => recovering.notes.some((note) => /cannot be reached|does not answer|refused|unreachable/i.test(note)), {
      what: 'it is noted that it is away',
      seconds: 5,
    });
    await redis.restart();
    const notesBefore = recovering.notes.length;
    assert.equal((await watching).verdict, 'warm');
    const since = recovering.notes.slice(notesBefore);
    assert.ok(
      since.some((note) => /1 of 8 windows/.test(note)),
      since.join('\n'),
    );
  });

  it('is not warm at the end of its time, counted from the first attempt, with the classes that are missing', async () => {
    await recovering.signIn(0, 50);
    await recovering.backup();
    const failedAt = now();
    await redis.command('FLUSHALL');
    hitPercent = 60;
    begin();
    const settings = { ...recovering.settings.warmup, limitMs: 60_000 };
    const begun = new Date(Date.now() - 59_500).toISOString();
    const { verdict, text, seconds } = await watch({ baseline, settings, begun, failedAt });
    assert.equal(verdict, 'not-warm');
    assert.match(text, /^not warm: \d\d % of 80 %, sessions missing$/);
    assert.equal(seconds, 60);
  });

  it('cannot be told where nothing is known of before, and ends soon, with the rate', async () => {
    begin();
    const { verdict, hitRate, targetFrom } = await watch();
    assert.deepEqual([verdict, targetFrom], ['cannot-be-told', 'none']);
    assert.ok(hitRate !== undefined && hitRate > 0.7);
  });

  it('is no longer watched when that is cancelled', async () => {
    const watching = watch({ baseline });
    recovering.cancel.abort();
    await assert.rejects(watching, { name: 'AbortError' });
  });

  it('is remembered by each window that is recorded, for the failure that may come', async () => {
    begin();
    const { recordBaseline, findBaseline } = createBaselineActivities(recovering.deps);
    const find = (failedAt?: string) => recovering.job(() => findBaseline({ ...MAIN, ...(failedAt ? { failedAt } : {}) }));
    assert.deepEqual(await find(), { from: 'none' });
    await until(async () => (await redis.dbsize()) === 1, { what: 'the client is at work' });
    const recorded = await recovering.job(() => recordBaseline(MAIN));
    assert.ok(recorded.lookups > 50 && recorded.windowSeconds > 0.09); // clocks and timers are a little apart
    assert.match(recorded.server.runId, /^[0-9a-f]{40}$/);
    assert.deepEqual(await recovering.repository.baselines({ instance: 'main', shard: '0' }).list(), [recorded]);
    const later = new Date(Date.now() + 1500).toISOString();
    assert.deepEqual(await find(later), { hitRate: recorded.hits / recorded.lookups, from: 'last window before the failure' });
    assert.deepEqual(await find('2020-01-01T00:00:00Z'), { from: 'none' });
  });
});

describe('Sign-ins that are watched after a recovery', function () {
  this.timeout(20_000);
  let rate: number | undefined;
  let url: string;
  let close: () => void;
  beforeEach(async () => {
    const server = createServer((_, response) => {
      if (rate === undefined) response.writeHead(503).end();
      else response.end(JSON.stringify({ auth: { rate } }));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    close = () => {
      server.closeAllConnections();
      server.close();
    };
  });
  afterEach(() => close());

  const watch = (limitMs: number, normalPerSecond?: number) => {
    const recovering = new Recovering({} as RedisServer);
    const settings = { kind: 'http' as const, url, field: 'auth.rate', everyMs: 20, limitMs };
    const usual = normalPerSecond === undefined ? {} : { normalPerSecond };
    const { watchAuthentication } = createAuthenticationActivities(recovering.deps);
    const ended = recovering.job(() => watchAuthentication({ instance: 'main', settings, begun: now(), ...usual }));
    return { ended, notes: recovering.notes };
  };

  it('are back to normal after a spike', async () => {
    rate = 50;
    const { ended, notes } = watch(10_000, 5);
    await until(() => notes.includes('50 a second, 5 a second are usual'), { what: 'the spike is seen' });
    rate = undefined;
    await until(() => notes.some((note) => /answers with status 503/.test(note)), { what: 'it is away' });
    rate = 5;
    const { verdict, peakPerSecond, lastPerSecond } = await ended;
    assert.deepEqual([verdict, peakPerSecond, lastPerSecond], ['back-to-normal', 50, 5]);
  });

  it('are still high, or cannot be told, when the time is over', async () => {
    rate = 50;
    assert.equal((await watch(100, 5).ended).verdict, 'still-high');
    assert.equal((await watch(100).ended).verdict, 'cannot-be-told');
    rate = undefined;
    const { verdict, text } = await watch(100, 5).ended;
    assert.equal(verdict, 'cannot-be-told');
    assert.match(text, /^the rate was never answered: .* status 503$/);
  });

  it('are not watched where nothing tells them', async () => {
    const { watchAuthentication } = createAuthenticationActivities(new Recovering({} as RedisServer).deps);
    assert.equal((await watchAuthentication({ instance: 'main', begun: now() })).verdict, 'not-watched');
  });
});
