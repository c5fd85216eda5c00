import assert from 'node:assert/strict';
import { type FollowState, followReport } from '../../../activities/archive/follow-report.ts';

const NOW = Date.parse('2026-08-01T03:00:10.000Z');
const state = (parts: Partial<FollowState> = {}): FollowState => ({
  stored: { offset: 14, atMs: NOW - 8_000 },
  first: 14,
  received: 14,
  nowMs: NOW,
  oldestAtMs: undefined,
  silentMs: undefined,
  foreign: [],
  storeError: undefined,
  hole: undefined,
  ...parts,
});

describe('What an archiver says of itself', () => {
  it('is up to which moment it has stored, and not only up to which byte', () => {
    assert.equal(followReport(state()).progress.note, 'stored up to offset 14, which came at 2026-08-01 03:00:02 UTC');
    assert.equal(
      followReport(state({ oldestAtMs: NOW - 700, received: 90 })).progress.note,
      'stored up to offset 14, which came at 2026-08-01 03:00:02 UTC, the oldest unstored write is 700 ms old',
    );
  });
});
