import { fileURLToPath } from 'node:url';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { JobInterceptor } from '../../../worker/interceptors.ts';
import { COMMON_OPTIONS, WORKFLOW_OPTIONS } from '../../../worker/options.ts';
import { workflowBundle } from '../../../worker/workflow-bundle.ts';
import { OF_NOBODY } from '../of-nobody.ts';
import { createStormActivities } from './activities.ts';

/** A worker process of the storm, to be killed: `worker.ts ADDRESS TRACE_FILE`. */
const [address, traceFile] = process.argv.slice(2);
if (!address || !traceFile) throw new Error('usage: worker.ts ADDRESS TRACE_FILE');
Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging: { filter: 'OFF' } } });
const worker = await Worker.create({
  ...COMMON_OPTIONS,
  ...WORKFLOW_OPTIONS,
  connection: await NativeConnection.connect({ address }),
  taskQueue: 'redis-ops',
  workflowBundle: await workflowBundle(fileURLToPath(new URL('workflows.ts', import.meta.url))),
  activities: { ...createStormActivities(traceFile), ...OF_NOBODY },
  interceptors: { activity: [(context) => ({ inbound: new JobInterceptor(context) })] },
});
process.stdout.write('ready\n');
await worker.run();
