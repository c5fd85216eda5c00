import assert from 'node:assert/strict';
import type { ArchiveExtent } from '../../../model/archive/chain.ts';
import type { Timeline } from '../../../model/archive/timeline.ts';
import { cameAfter, endOfFailed, type KnownFailure } from '../../../model/recovery/failed-timeline.ts';

const NOON = Date.parse('2026-08-01T12:00:00Z');
const MINUTE = 60_000;
const iso = (minutes: number): string => new Date(NOON + minutes * MINUTE).toISOString();

/** A timeline of one process that began so many minutes after noon, with a boundary at offset 100 a minute later. */
function extent(letter: string, minutes: number, runId: string, parent?: string): ArchiveExtent {
  const replid = letter.repeat(40);
  const timelineId = (one: string) => `${one.repeat(40)}-0000000000000001`;
  const timeline: Timeline = {
    formatVersion: 1,
    kind: 'timeline',
    timelineId: timelineId(letter),
    instance: 'main',
    shard: '0',
    replid,
    first: 1,
    startedAt: iso(minutes),
    reason: parent ? 'full-resync' : 'first',
    server: { runId, version: '7.0.15' },
    ...(parent ? { parent: { timelineId: timelineId(parent), end: 100, endedAt: iso(minutes - 1), gap: true } } : {}),
  };
  const atMs = NOON + (minutes + 1) * MINUTE;
  const stretch = { from: 1, end: 120, firstAtMs: atMs, lastAtMs: atMs, boundary: { offset: 100, atMs } };
  return { timeline, stretches: [stretch] };
}

const failure = (parts: Partial<KnownFailure> = {}): KnownFailure => ({ failure: 'dead', at: iso(1), since: iso(0), ...parts });
const replidOfEnd = (...args: Parameters<typeof endOfFailed>): string | undefined => endOfFailed(...args)?.timelineId[0];

describe('The log of a Redis that failed', () => {
  const before = extent('a', -600, 'old');
  const after = extent('b', 3, 'new', 'a');

  it('ends where that process ended, though the archiver follows the next one already', () => {
    const serving = { runId: 'new', startedAtMs: NOON + MINUTE };
    assert.deepEqual(endOfFailed([before, after], failure(), serving), {
      timelineId: before.timeline.timelineId,
      offset: 100,
      atMs: NOON - 599 * MINUTE,
    });
    assert.equal(replidOfEnd([before], failure(), serving), 'a');
  });

  it('ends at the newest when the same process serves again: nothing was lost but time', () => {
    const serving = { runId: 'old', startedAtMs: NOON - 700 * MINUTE };
    const resynced = extent('b', -60, 'old', 'a');
    assert.equal(replidOfEnd([before, resynced], failure({ failure: 'silent', server: { runId: 'old' } }), serving), 'b');
  });

  it('ends before a crash loop began', () => {
    const serving = { runId: 'third', startedAtMs: NOON + 5 * MINUTE };
    const third = extent('c', 6, 'third', 'b');
    assert.equal(replidOfEnd([before, after, third], failure(), serving), 'a');
  });

  it('is none where all of it is of the new process, or it may be cut nowhere', () => {
    const serving = { runId: 'new', startedAtMs: NOON + MINUTE };
    assert.equal(endOfFailed([extent('b', 3, 'new')], failure(), serving), undefined);
    const stretches = before.stretches.map(({ boundary, ...rest }) => rest);
    assert.equal(endOfFailed([{ ...before, stretches }], failure(), serving), undefined);
  });

  it('tells a process that came after the failure from one that lived through it', () => {
    const young = { runId: 'x', startedAtMs: NOON - MINUTE };
    const old = { runId: 'x', startedAtMs: NOON - 1000 * MINUTE };
    assert.equal(cameAfter(failure(), young), true); // its supervisor was quicker than who noticed
    assert.equal(cameAfter(failure(), old), false);
    assert.equal(cameAfter(failure({ server: { runId: 'y' } }), old), true);
    assert.equal(cameAfter(failure({ failure: 'empty', server: { runId: 'x' } }), old), true);
    const full = failure({ failure: 'disk-full', since: undefined, server: { runId: 'x' } });
    assert.equal(cameAfter(full, young), false); // the disk was full under this very process
    assert.equal(cameAfter({ ...full, failure: 'healthy' }, young), true); // restarted before anybody looked
    assert.equal(cameAfter(failure({ since: undefined, at: iso(240) }), young), true);
    assert.equal(cameAfter(failure({ since: undefined, at: iso(240) }), old), false);
  });
});
