import assert from 'node:assert/strict';
import { diagnose } from '../../../model/recovery/diagnose.ts';
import type { Observations } from '../../../model/recovery/observations.ts';
import { aof, data, down, look, NOW_MS, observations, platform, run, stored } from '../../fixtures/observations.ts';

const at = (agoMs: number) => new Date(NOW_MS - agoMs).toISOString();
const ended = (agoMs: number) => ({ end: { at: at(agoMs), oom: 'no', oomWhy: 'nothing says so' } as const });

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
    const gone = { ...ended(1_000), data: data({ unusable: 'it is not there', aof: undefined }) };
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
    assert.match(
      lossWith(5_000),
      /^.*all writes of 4 s, until Redis ended at \S+11:59:59.000Z: the newest backup, 10 keys, is of/,
    );
    assert.match(lossWith(60_000), /the last 7 s of writes at least: the continuous log is stored up to .*, and Redis ended at/);
  });

  it('says nothing of another history', () => {
    assert.equal(told({ worker: look('serves', { replid: 'history-two', replOffset: 1 }) }).log?.complete, false);
  });
});

describe('What a dead Redis has lost at worst', () => {
  const noLog = { appendonly: false, aof: undefined };
  const savedRdb = (agoMs: number) => data({ ...noLog, rdb: { bytes: 9_000, modifiedAt: at(agoMs) } });
  const takenAt = (agoMs: number) => {
    const { backup } = stored(10);
    assert.ok(backup);
    return stored(10, { backup: { ...backup, times: { ...backup.times, takenAt: at(agoMs) } } });
  };
  const log = { timelineId: 'history-one-0', replid: 'history-one', end: 5000, storedUpTo: at(60_000) };
  const HOUR = 3_600_000;
  const unusable = data({ unusable: 'it is not there', ...noLog });
  const lossAt = (laterMs: number, parts: Partial<Observations>) =>
    diagnose(observations({ ...parts, nowMs: NOW_MS + laterMs })).worstLoss;
  const isSteady = (parts: Partial<Observations>): string => {
    const [now, later] = [lossAt(0, parts), lossAt(5 * HOUR, parts)];
    assert.equal(later, now, 'it grows although nothing is written any more');
    return now;
  };

  it('is counted to its end, and does not grow when it is looked at later', () => {
    const rdb = down({ ...ended(10_000), data: savedRdb(70_000) });
    assert.match(isSteady(rdb), /^All writes of 1 min 00 s, until Redis ended at 2026-02-14T11:59:50.000Z: it loads its RDB/);
    const gone = down({ ...ended(10_000), data: unusable });
    assert.match(isSteady({ ...gone, stored: takenAt(HOUR) }), /all writes of 59 min 50 s, until Redis ended at/);
    assert.match(
      isSteady({ ...gone, stored: { ...takenAt(HOUR), log } }),
      /the last 50 s of writes at least: .*, and Redis ended at/,
    );
  });

  it('is counted to the last write of its append-only files, which have each within a second', () => {
    const gone = { ...stored(10), log };
    const damaged = { run: run('aof-format'), ...ended(1_000), data: data({ aof: aof({ writtenAt: at(20_000) }) }) };
    const loss = isSteady({ ...down(damaged), stored: gone });
    assert.match(loss, /the last 40 s of writes at least: .*, and its append-only files were written last at/);
  });

  it('is no number where its end is not known, but from when it counts and the last sign of it', () => {
    const killed = down({ data: savedRdb(HOUR), files: { loggedAt: at(HOUR / 2) } });
    assert.match(
      isSteady(killed),
      /^All writes since 2026-02-14T11:00:00.000Z; when Redis ended is not known \(the last sign of it: its log was written at 2026-02-14T11:30:00.000Z\): it loads its RDB/,
    );
    const gone = down({ data: unusable });
    assert.match(
      isSteady({ ...gone, stored: takenAt(HOUR) }),
      /all writes since .*; when Redis ended is not known: the newest backup/,
    );
    assert.match(
      isSteady({ ...gone, stored: { ...takenAt(HOUR), log } }),
      /what was written after that, .*when Redis ended is not known\.$/,
    );
  });

  it('does not take the end of a start that failed for that of the Redis that took writes', () => {
    const failed = { run: { ...run('config-file'), ready: false }, ...ended(1_000), data: savedRdb(HOUR) };
    assert.match(isSteady(down(failed)), /when Redis ended is not known/);
  });

  it('grows with each second of one that lives', () => {
    const lives = { stored: takenAt(HOUR), worker: look('read-only') };
    assert.notEqual(lossAt(0, lives), lossAt(HOUR, lives));
    assert.match(lossAt(0, lives), /all writes of the last 1 h 00 min: the newest backup, 10 keys, is of/);
  });

  it('is counted to the start of one that came up without its data', () => {
    const since = at(120_000);
    const server = { running: true, crashLoop: false, restartsByItself: false, since };
    const empty = { worker: look('serves', { keys: 0 }), platform: platform(true, { server, data: data(noLog) }) };
    const loss = lossAt(0, { ...empty, stored: takenAt(HOUR) });
    assert.match(loss, /^Already lost in Redis: all writes of 58 min 00 s, until Redis was started at/);
  });
});
