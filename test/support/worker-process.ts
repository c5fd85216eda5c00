import { appendFileSync } from 'node:fs';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { loadConfig } from '../../config/load.ts';
import { installRuntime } from '../../worker/runtime.ts';
import { startWorkers } from '../../worker/start.ts';

/**
 * The real worker as a process that a test can kill, or that kills itself: `worker-process.ts CONFIG [before:STEP | after:STEP | hold:STEP]`.
 * `before` and `after` end it with SIGKILL when it has the task, or when it has done it and not said so yet. `hold` makes
 * the step wait until it is cancelled, the first time, so that a test meets it there.
 * CLOCK_AHEAD_MS sets the clock of this process wrong.
 */
const [configFile, fate = ''] = process.argv.slice(2);
const [when, step] = fate.split(':');

let held = false;
const doom: ActivityInterceptorsFactory = (context) => ({
  inbound: {
    async execute(input, next) {
      const isMine = context.info.activityType === step;
      if (process.env.STEPS_FILE) appendFileSync(process.env.STEPS_FILE, `${context.info.activityType}\n`);
      if (isMine && when === 'before') process.kill(process.pid, 'SIGKILL');
      if (isMine && when === 'hold' && !held) {
        held = true;
        await context.cancelled;
      }
      const result = await next(input);
      if (isMine && when === 'after') process.kill(process.pid, 'SIGKILL');
      return result;
    },
  },
});

if (process.env.CLOCK_AHEAD_MS) {
  const now = Date.now;
  Date.now = () => now() + Number(process.env.CLOCK_AHEAD_MS);
}
installRuntime('WARN');
const workers = await startWorkers(await loadConfig(configFile), [doom]);
process.once('SIGTERM', () => workers.shutdown());
process.stdout.write('ready\n');
await workers.run();
