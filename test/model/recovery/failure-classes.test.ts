import assert from 'node:assert/strict';
import { classify, FAILURE_CLASSES, type FailureClass } from '../../../model/recovery/failure-classes.ts';
import { FATAL_IDS } from '../../../model/recovery/log-signatures.ts';
import { situationOf } from '../../../model/recovery/situation.ts';
import { data, down, look, observations, run } from '../../fixtures/observations.ts';

const NAMES = Object.keys(FAILURE_CLASSES) as FailureClass[];

describe('The classes of failure', () => {
  for (const id of FATAL_IDS)
    it(`have exactly one, and not \`unknown\`, for a start that ended of ${id}`, () => {
      const parts = { run: { ...run(id), ready: false }, data: data({ appendonly: false, freeBytes: 0 }), local: look('silent') };
      const situation = situationOf(observations(down(parts)));
      const fitting = NAMES.filter((name) => FAILURE_CLASSES[name].diagnose(situation));
      assert.equal(fitting.length, 2, fitting.join());
      assert.deepEqual(fitting, [classify(situation).failure, 'unknown']);
    });

  it('end with `unknown`, which takes whatever is left, and does nothing about it', () => {
    assert.equal(NAMES.at(-1), 'unknown');
    assert.deepEqual(FAILURE_CLASSES.unknown.actions(observations(down())), []);
  });

  it('say what clients get, and what is done or left to do', () => {
    for (const name of NAMES) {
      const { title, clients, byItself, asked, you } = FAILURE_CLASSES[name];
      assert.ok(title && clients && (byItself ?? asked ?? you), name);
    }
  });
});
