import assert from 'node:assert/strict';
import { MomentMeter } from '../../../../activities/restore/rehearsal/moment-meter.ts';
import type { Suspect } from '../../../../redis/log/moments.ts';

const KEYS = 100;

/** One command after another that takes all keys, each followed by one that brings them back. */
const flushes = (many: number): Suspect[] =>
  Array.from({ length: many }, (_, at) => ({
    ...{ command: 'FLUSHALL', timelineId: 't', before: at, atMs: at, db: 0, keys: Number.POSITIVE_INFINITY },
    ...{ fromCommand: 2 * at, toCommand: 2 * at + 1 },
  }));

async function metered(suspects: Suspect[], takes: (moment: number) => number, { countMs = 0, budgetMs = 120_000 } = {}) {
  let [clock, keys] = [0, KEYS];
  const meter = new MomentMeter(suspects, 0, {
    total: async () => keys,
    count: async () => {
      clock += countMs;
      return [{ db: 0, keys, classes: [{ name: 'sessions', keys }] }];
    },
    now: () => clock,
    budgetMs,
  });
  for (const stop of meter.stops) {
    keys = stop % 2 === 0 ? KEYS : KEYS - takes((stop - 1) / 2);
    await meter.at(stop);
  }
  const { moments, moreMoments } = meter.result();
  return { told: moments.map(({ atMs }) => atMs), moreMoments };
}

const from = (first: number, many: number): number[] => Array.from({ length: many }, (_, at) => first + at);

describe('A meter of moments', () => {
  it('tells of as many equals the newest, oldest first, and how many there are besides', async () => {
    assert.deepEqual(await metered(flushes(25), () => KEYS), { told: from(5, 20), moreMoments: 5 });
  });

  it('tells an old one that took more than all others', async () => {
    const { told } = await metered(flushes(25), (moment) => (moment === 1 ? KEYS : KEYS / 2));
    assert.deepEqual(told, [1, ...from(6, 19)]);
  });

  it('has time left for the newest when each count takes long', async () => {
    const { told, moreMoments } = await metered(flushes(40), () => KEYS, { countMs: 10_000, budgetMs: 120_000 });
    assert.deepEqual(told.slice(-4), from(36, 4));
    assert.equal(told.length + moreMoments, 40);
  });
});
