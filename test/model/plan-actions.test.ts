import assert from 'node:assert/strict';
import { FAILURE_CLASSES } from '../../model/recovery/failure-classes.ts';
import { data, down, NOW_MS, observations, stored } from './observations-fixtures.ts';

const nothingThere = down({ data: data({ aof: undefined }) });

describe('a dead Redis with nothing to load', () => {
  const acts = (onDamage: 'ask' | 'serve-empty', keys: number | null) => {
    const all = observations({ ...nothingThere, stored: stored(keys) });
    return FAILURE_CLASSES.dead.actions({ ...all, settings: { ...all.settings, onDamage } });
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

describe('a dead Redis that a recovery has restarted', () => {
  const planned = (restarted: { at: string; mended?: true }) =>
    FAILURE_CLASSES.dead.actions(observations(down({ data: data({ restarted }) })))[0]?.text ?? '';
  const ago = (seconds: number) => new Date(NOW_MS - seconds * 1000).toISOString();

  it('is said to be started only when a person has been asked, as it then is', () => {
    assert.match(
      planned({ at: ago(213) }),
      /^Start Redis; it loads .+\. A person is asked first: a recovery restarted it at 11:56:27 UTC, once in 10 min 00 s it may by itself\.$/,
    );
  });

  it('is started without a question when that is long ago', () => {
    assert.equal(planned({ at: ago(601) }), 'Start Redis; it loads what it has on its disk.');
  });
});
