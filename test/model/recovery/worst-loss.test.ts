import assert from 'node:assert/strict';
import { diagnose } from '../../../model/recovery/diagnose.ts';
import type { Observations } from '../../../model/recovery/observations.ts';
import { data, down, look, NOW_MS, observations, run, stored } from '../../fixtures/observations.ts';

describe('The continuous log at a failure', () => {
  const log = {
    timelineId: 'history-one-0',
    replid: 'history-one',
    end: 5000,
    storedUpTo: new Date(NOW_MS - 8_000).toISOString(),
  };
  const told = (parts: Partial<Observations>, end = 5000) =>
    diagnose(observations({ stored: stored(10, { log: { ...log, end } }), ...parts }));

  it('is complete when a living Redis has nothing newer, but for a lone PING', () => {
    assert.equal(told({}).log?.complete, true);
    assert.equal(told({}, 4986).log?.complete, true);
    assert.deepEqual([told({}, 4985).log?.complete, told({}, 4985).log?.lagSeconds], [false, 8]);
  });

  it('is complete after an end in order with every replica in step, and never after a kill', () => {
    const inStep = {
      ...run('orderly-end'),
      signs: [...run('orderly-end').signs, { id: 'in-sync' as const, line: '2 of 2 replicas are in sync when shutting down.' }],
    };
    assert.equal(told(down({ run: inStep })).log?.complete, true);
    const notAll = {
      ...inStep,
      signs: [...run('orderly-end').signs, { id: 'in-sync' as const, line: '1 of 2 replicas are in sync when shutting down.' }],
    };
    assert.equal(told(down({ run: notAll })).log?.complete, false);
    assert.equal(told(down()).log?.complete, false);
    assert.match(told(down()).log?.why ?? '', /cannot be told/);
  });

  it('is complete after an end in order only if the archiver was in step, and not just a replica', () => {
    const inStep = (count: number) => ({
      ...run('orderly-end'),
      signs: [
        ...run('orderly-end').signs,
        { id: 'in-sync' as const, line: `${count} of ${count} replicas are in sync when shutting down.` },
      ],
    });
    const replica = { address: '10.0.0.7:6379', look: look('read-only', { role: 'slave', keys: 0 }) };
    const ended = (count: number, parts: Partial<Observations>, end?: number) =>
      told({ ...down({ run: inStep(count) }), ...parts }, end).log;
    assert.equal(ended(2, { replicas: [replica] })?.complete, true);
    assert.equal(ended(1, { replicas: [replica] })?.complete, false);
    assert.match(ended(1, { replicas: [replica] })?.why ?? '', /that the archiver was among the replicas in step cannot be told/);
    assert.equal(ended(2, { replicas: [replica] }, 4000)?.complete, false, 'the replica has more than the log');
    const measured = stored(10, { log, replicas: ['10.0.0.7:6379'] });
    assert.equal(ended(1, { stored: measured })?.complete, false, 'one that was measured, and does not answer');
  });

  it('is not what the loss counts from where a backup is newer', () => {
    const { times, ...backup } = stored(10).backup ?? assert.fail();
    const gone = { data: data({ unusable: 'it is not there', aof: undefined }) };
    const lossWith = (agoMs: number) =>
      diagnose({
        ...observations(down(gone)),
        stored: {
          backup: { ...backup, times: { ...times, takenAt: new Date(NOW_MS - agoMs).toISOString() } },
          log,
          replicas: [],
          unknown: [],
        },
      }).worstLoss;
    assert.match(lossWith(5_000), /all writes of the last 5 s: the newest backup, 10 keys, is that old/);
    assert.match(lossWith(60_000), /the last 8 s of writes at least: the continuous log is stored up to/);
  });

  it('says nothing of another history', () => {
    assert.equal(told({ worker: look('serves', { replid: 'history-two', replOffset: 1 }) }).log?.complete, false);
  });
});
