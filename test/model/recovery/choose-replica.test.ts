import assert from 'node:assert/strict';
import { type Candidate, chooseReplica } from '../../../model/recovery/choose-replica.ts';

const candidate = (address: string, more: Partial<Candidate> = {}): Candidate => ({
  address,
  role: 'slave',
  keys: 100,
  offset: 1000,
  lineage: 'a',
  loading: false,
  priority: 100,
  ...more,
});

const CASES: Record<string, [candidates: Candidate[], chosen: string | undefined]> = {
  'the one that is furthest in their history': [[candidate('1'), candidate('2', { offset: 1001, keys: 99 })], '2'],
  'of the history with the most keys, whatever its offset': [
    [candidate('1', { offset: 9, keys: 101 }), candidate('2', { lineage: 'b', offset: 5000 })],
    '1',
  ],
  'the one that was promoted before, though another one is as far': [
    [candidate('1', { offset: 1500 }), candidate('2', { role: 'master' })],
    '2',
  ],
  'not a primary of another history': [[candidate('1'), candidate('2', { role: 'master', lineage: 'b', keys: 5 })], '1'],
  'not one that loads, nor one without data': [
    [candidate('1', { loading: true, offset: 5000 }), candidate('2', { keys: 0 }), candidate('3')],
    '3',
  ],
  'not one that must not be promoted, while there is another': [
    [candidate('1', { priority: 0, offset: 5000 }), candidate('2')],
    '2',
  ],
  'one that must not be promoted, where there is no other': [[candidate('1', { priority: 0 })], '1'],
  'none where none has data': [[candidate('1', { keys: 0 })], undefined],
};

describe('the replica that takes over', () => {
  for (const [what, [candidates, chosen]] of Object.entries(CASES))
    it(`is ${what}`, () => {
      assert.equal(chooseReplica(candidates)?.address, chosen);
      assert.equal(chooseReplica(candidates.toReversed())?.address, chosen);
    });
});
