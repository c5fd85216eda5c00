import assert from 'node:assert/strict';
import { RpoTeller } from '../../../activities/archive/rpo-teller.ts';
import type { Rpo } from '../../../model/archive/archiving.ts';

const at = (ms: number): string => new Date(ms).toISOString();

describe('What the workflow of the archiver is told would be lost', () => {
  let nowMs: number;
  let told: Rpo[];
  let rpo: RpoTeller;
  beforeEach(() => {
    nowMs = 0;
    told = [];
    rpo = new RpoTeller(
      async (one) => void told.push(one),
      () => nowMs,
    );
  });
  const follow = (seconds: number, known: (second: number) => Omit<Rpo, 'asOf'>) => {
    for (const end = nowMs + seconds * 1000; nowMs < end; nowMs += 1000) rpo.known(known(nowMs / 1000));
  };

  it('is told at once, and then once a minute while it changes', () => {
    follow(180, (second) => ({ seconds: 0.5, storedUpTo: at(second * 1000) }));
    assert.deepEqual(
      told,
      [0, 60_000, 120_000].map((ms) => ({ seconds: 0.5, storedUpTo: at(ms), asOf: at(ms) })),
    );
  });

  it('is told no more when a Redis falls idle and its last state was told, and at once when it wakes', () => {
    follow(90, (second) => (second < 30 ? { seconds: 1, storedUpTo: at(second) } : { seconds: 0, storedUpTo: at(30_000) }));
    follow(3600, () => ({ seconds: 0, storedUpTo: at(30_000) }));
    assert.equal(told.length, 2);
    assert.deepEqual(told.at(-1), { seconds: 0, storedUpTo: at(30_000), asOf: at(60_000) });
    rpo.known({ seconds: 0.2, storedUpTo: at(30_000) });
    assert.equal(told.length, 3);
  });

  it('is told at once when Redis falls silent and when it is heard again, and once a minute in between', () => {
    follow(10, () => ({ seconds: 0, storedUpTo: at(0) }));
    follow(90, (second) => ({ seconds: second, storedUpTo: at(0), silentSince: at(5_000) }));
    follow(10, () => ({ seconds: 0, storedUpTo: at(0) }));
    assert.deepEqual(
      told.map(({ seconds, silentSince, asOf }) => [seconds, silentSince, asOf]),
      [
        [0, undefined, at(0)],
        [10, at(5_000), at(10_000)],
        [70, at(5_000), at(70_000)],
        [0, undefined, at(100_000)],
      ],
    );
  });

  it('is told how it ended', async () => {
    rpo.known({ seconds: 1, storedUpTo: at(0) });
    nowMs = 500;
    rpo.known({ seconds: 0, storedUpTo: at(400) });
    await rpo.tellLast();
    assert.deepEqual(told.at(-1), { seconds: 0, storedUpTo: at(400), asOf: at(500) });
    await rpo.tellLast();
    assert.equal(told.length, 2);
  });

  it('is told again after a minute when it could not be told, and the archiver does not wait for that', async () => {
    let isAway = true;
    rpo = new RpoTeller(
      async (one) => {
        if (isAway) throw new Error('away');
        told.push(one);
      },
      () => nowMs,
    );
    rpo.known({ seconds: 0, storedUpTo: at(0) });
    await Promise.resolve();
    isAway = false;
    nowMs = 59_000;
    rpo.known({ seconds: 0, storedUpTo: at(0) });
    assert.equal(told.length, 0);
    nowMs = 60_000;
    rpo.known({ seconds: 0, storedUpTo: at(0) });
    assert.equal(told.length, 1);
  });
});
