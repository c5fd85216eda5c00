import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { workflowBundle } from '../../worker/workflow-bundle.ts';

/** What is counted once is not counted again. */
const SINKS = { watch: { recoveryStarted: { fn: () => undefined } }, recovery: { asks: { fn: () => undefined } } };
/** For people, for the lock, or for what comes: days may pass in between. */
const WAITING = ['instanceLock', 'archiveContinuously', 'backupSnapshot', 'recoverRedis', 'restoreFromRdb', 'watchRedis'];
const HISTORIES = new URL('../histories/', import.meta.url);

describe('A workflow that runs while a new version is deployed', function () {
  this.timeout(180_000);
  const files = readdirSync(HISTORIES).filter((name) => name.endsWith('.json'));
  it('is tried on every workflow that waits', () => {
    const types = files.map((file) => JSON.parse(readFileSync(new URL(file, HISTORIES), 'utf8')).events[0]);
    const names = new Set(types.map((first) => first.workflowExecutionStartedEventAttributes.workflowType.name));
    for (const name of WAITING) assert.ok(names.has(name), name);
  });
  before(() => Runtime.install({ logger: new DefaultLogger('ERROR') }));
  for (const file of files) {
    it(`goes on as it began: ${file.replace('.json', '').replaceAll('-', ' ')}`, async () => {
      const { workflowId, ...history } = JSON.parse(readFileSync(new URL(file, HISTORIES), 'utf8'));
      await Worker.runReplayHistory({ workflowBundle: await workflowBundle(), sinks: SINKS }, history, workflowId);
    });
  }
});
