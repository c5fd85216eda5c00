import assert from 'node:assert/strict';
import { planActs } from '../../model/failure/plan-acts.ts';
import { data, down, signs, stored } from './signs-fixtures.ts';

const nothingThere = down({ data: data({ aof: undefined }) });

describe('a dead Redis with nothing to load', () => {
  const acts = (onDamage: 'ask' | 'serve-empty', keys: number | null) => {
    const all = signs({ ...nothingThere, stored: stored(keys) });
    return planActs('dead', { ...all, settings: { ...all.settings, onDamage } });
  };

  it('is asked about where a backup has keys and not all can be made again: its disk may be missing', () => {
    const [restart] = acts('ask', 1000);
    assert.equal(restart?.act, 'restart');
    assert.match(restart?.ask?.question ?? '', /nothing to load in \/data, and backup \w+ has 1,000 keys: is the disk mounted\?/);
    assert.equal(restart?.ask?.otherwise, 'proceed', 'serving comes first');
  });

  it('is started by itself where it may come up empty, or never had anything', () => {
    for (const planned of [acts('serve-empty', 1000), acts('ask', 0), acts('ask', null)]) {
      assert.deepEqual(
        planned.map(({ act, ask }) => [act, ask]),
        [['restart', undefined]],
      );
    }
  });
});
