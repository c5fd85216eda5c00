import assert from 'node:assert/strict';
import { chooseMoment } from '../../cli/clone/moment.ts';
import { type CloneReport, cloneText } from '../../cli/clone/text.ts';
import { Archive } from '../../repository/archive/archive.ts';
import type { Repository } from '../../repository/repository.ts';
import { sampleManifest } from '../fixtures/manifest.ts';
import { BEGUN, REPLID, sampleSegment, sampleTimeline } from '../repository/archive/fixtures.ts';
import { MemoryStore } from '../repository/archive/memory-store.ts';

describe('The moment of a clone', () => {
  const BETWEEN = { db: 0, inTransaction: false };
  const [awayMs, backMs] = [BEGUN + 1100, BEGUN + 61_000];
  const manifest = sampleManifest({ replication: { replid: REPLID, offset: 1010 } });
  const repository = {
    snapshots: () => ({ listWithProblems: async () => ({ manifests: [manifest], problems: [] }) }),
  } as unknown as Repository;

  const chosenAt = async (atMs: number) => {
    const archive = new Archive(new MemoryStore(), { instance: 'main', shard: '0' });
    await archive.createTimeline(sampleTimeline());
    const came = { firstAtMs: backMs, lastAtMs: backMs, marks: [], startState: BETWEEN, endState: BETWEEN };
    const late = [{ from: 1100, to: 1200, sinceMs: awayMs, atMs: backMs }];
    for (const segment of [
      sampleSegment(1000, 1100, { startState: BETWEEN, endState: BETWEEN }),
      sampleSegment(1100, 1200, { ...came, late }),
      sampleSegment(1200, 1300, { ...came, firstAtMs: backMs + 500, lastAtMs: backMs + 900 }),
    ])
      await archive.putSegment(segment, [Buffer.alloc(segment.end - segment.start, 'x')]);
    const until = new Date(atMs).toISOString();
    return chooseMoment({ repository, archive, nowMs: backMs + 60_000 }, until, new AbortController().signal);
  };

  it('is that of the last write that is surely of it, where the archiver was away, and says what is left out', async () => {
    const { atMs, doubts } = await chosenAt(awayMs + 10_000);
    assert.ok(atMs <= awayMs, `${new Date(atMs).toISOString()} is before the archiver was away`);
    assert.match(
      doubts.join(),
      /not certain: 100 B of the log behind it came late, .*: they are left out; `--until .*` takes them in/,
    );
  });

  it('is the one that was asked for where nothing is missing: keys went on expiring', async () => {
    const { atMs, doubts } = await chosenAt(backMs + 700);
    assert.deepEqual({ atMs, doubts }, { atMs: backMs + 700, doubts: [] });
  });

  it('is shown with what may be missing of it', () => {
    const report = { at: new Date(awayMs).toISOString(), doubts: ['the moment is not certain'], classes: [], keys: 0 };
    assert.match(cloneText(report as unknown as CloneReport), /^ {2}warning: {7}the moment is not certain$/m);
  });
});
