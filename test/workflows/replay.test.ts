import { readdirSync, readFileSync } from 'node:fs';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { workflowBundle } from '../../worker/workflow-bundle.ts';

/** What is counted once is not counted again. */
const SINKS = { watch: { recoveryStarted: { fn: () => undefined } }, recovery: { asks: { fn: () => undefined } } };
const HISTORIES = new URL('../histories/', import.meta.url);

describe('A workflow that runs while a new version is deployed', function () {
  this.timeout(180_000);
  before(() => Runtime.install({ logger: new DefaultLogger('ERROR') }));
  for (const file of readdirSync(HISTORIES).filter((name) => name.endsWith('.json'))) {
    it(`goes on as it began: ${file.replace('.json', '').replaceAll('-', ' ')}`, async () => {
      const { workflowId, ...history } = JSON.parse(readFileSync(new URL(file, HISTORIES), 'utf8'));
      await Worker.runReplayHistory({ workflowBundle: await workflowBundle(), sinks: SINKS }, history, workflowId);
    });
  }
});
