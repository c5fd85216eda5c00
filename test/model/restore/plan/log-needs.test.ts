import assert from 'node:assert/strict';
import type { LackingCommand, PlannedLog, TargetFacts } from '../../../../model/restore/plan/plan.ts';
import { appending, appendOnly, log, planOf, target } from '../../../fixtures/plan.ts';

const needing = (needs: Partial<NonNullable<PlannedLog['needs']>>): PlannedLog =>
  log({ needs: { commands: ['SELECT', 'SET'], highestDb: 0, foreign: [], ...needs } });
const withLog = (overrides: Partial<TargetFacts> = {}): TargetFacts => target({ layout: appendOnly(), ...overrides });
const refusalsOf = (planned: PlannedLog, facts: Partial<TargetFacts> = {}) =>
  planOf({ log: planned, target: withLog(facts) }).refusals.map(({ code, message, next }) => `${code}: ${message}. ${next}`);

const flushall: LackingCommand = {
  name: 'FLUSHALL',
  why: 'disabled or renamed by line 12 of /etc/redis.conf (rename-command)',
  next: 'Remove that line.',
};

describe('A plan with a log', () => {
  it('refuses nothing of a log that its target can execute', () => {
    assert.deepEqual(refusalsOf(needing({ highestDb: 15 }), { commands: { isKnown: true, lacking: [flushall] } }), []);
  });

  it('refuses a log for a database that the target does not have, and says what to set', () => {
    const [refusal = '', ...others] = refusalsOf(needing({ highestDb: 20 }));
    assert.deepEqual(others, []);
    assert.match(refusal, /LOG_REFUSED: the log has commands for database 20, and main has 16 databases \(0 to 15\)/);
    assert.match(refusal, /Set `databases 21` in the redis.conf of main; the restore itself restarts it/);
  });

  it('counts the databases of the next start, which redis.conf may have been given since', () => {
    assert.deepEqual(refusalsOf(needing({ highestDb: 20 }), { databases: 32 }), []);
    assert.equal(refusalsOf(needing({ highestDb: 8 }), { databases: 4, server: appending({ databases: 16 }) }).length, 1);
  });

  it('refuses a command that the target does not execute, by name, with the line that takes it away', () => {
    const commands = { isKnown: true, lacking: [flushall] };
    const [refusal = '', ...others] = refusalsOf(needing({ commands: ['FLUSHALL', 'SET'] }), { commands });
    assert.deepEqual(others, []);
    assert.match(refusal, /LOG_REFUSED: the log has FLUSHALL, which is disabled or renamed by line 12 of \/etc\/redis\.conf/);
    assert.match(refusal, /Remove that line/);
  });

  it('knows a command by its first word where it has sub-commands', () => {
    const lacking = [{ name: 'XGROUP', why: 'not there', next: 'Mend it.' }];
    assert.equal(refusalsOf(needing({ commands: ['XGROUP CREATE'] }), { commands: { isKnown: true, lacking } }).length, 1);
  });

  it('names what no replay executes, each for what it is', () => {
    const [refusal = ''] = refusalsOf(needing({ foreign: ['CONFIG', 'EVAL', 'GRAPH.QUERY', 'hidden\x07'] }));
    assert.match(refusal, /LOG_FOREIGN_COMMAND: the log of main has 4 commands that no replay executes/);
    assert.match(refusal, /CONFIG \(changes the server, not its data\), EVAL \(runs code, [^)]+\), GRAPH\.QUERY \(of a module\)/);
    assert.match(refusal, /hidden\. \(renamed by the source/);
  });

  it('says so where it could not be compared', () => {
    const warnings = (planned: PlannedLog, facts: Partial<TargetFacts>) =>
      planOf({ log: planned, target: withLog(facts) }).warnings;
    const isTold = (all: string[]) => all.some((one) => /commands? .*(not known before|no \+command)/.test(one));
    assert.ok(isTold(warnings(log(), {})));
    assert.ok(isTold(warnings(needing({}), { commands: { isKnown: false, lacking: [] } })));
    assert.ok(!isTold(warnings(needing({}), { commands: { isKnown: true, lacking: [] } })));
  });
});
