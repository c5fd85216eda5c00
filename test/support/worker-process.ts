import { appendFileSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { loadConfig } from '../../config/load.ts';
import { installRuntime } from '../../worker/runtime.ts';
import { startWorkers } from '../../worker/start.ts';
import { fakeParts, helperCommand } from './fake-remote.ts';

/**
 * The real worker as a process that a test can kill, or that kills itself: `worker-process.ts CONFIG [FATE,…]`, where a fate is
 * `before:STEP`, `after:STEP`, `hold:STEP`, `deaf:STEP`, `stay-before:STEP@INSTANCE` or `stay-after:STEP@INSTANCE`.
 * `before` and `after` end it with SIGKILL when it has the task, or when it has done it and not said so yet. `hold` makes
 * the step wait until it is cancelled, the first time, so that a test meets it there; `deaf` makes it not hear that. `stay`
 * makes it wait for good, and says so among the steps: for a test that kills the worker when several have come to their
 * places. `STEP#3` is its third time. With FAKE_REMOTE (a directory) every instance is on the platform of fake-remote.ts. CLOCK_AHEAD_MS sets the clock of this process wrong.
 */
const [configFile = '', asked = ''] = process.argv.slice(2);
const { FAKE_REMOTE: home, FAKE_REMOTE_QUEUE: queue } = process.env;
/** A helper beside the files of a fake platform meets its fate once: the next one, which was asked for the same, is spared. */
const metFile = home && queue ? join(home, 'met') : undefined;
const fates = metFile && existsSync(metFile) ? '' : asked;
const die = () => {
  if (metFile) writeFileSync(metFile, '');
  process.kill(process.pid, 'SIGKILL');
};

const held = new Set<string>();
const times = new Map<string, number>();
const note = (line: string) => process.env.STEPS_FILE && appendFileSync(process.env.STEPS_FILE, `${line}\n`);
const stay = async (where: string) => {
  note(`stays ${where}`);
  await new Promise(() => undefined);
};

const doom: ActivityInterceptorsFactory = (context) => ({
  inbound: {
    async execute(input, next) {
      const step = context.info.activityType;
      const place = `${step}@${instanceOf(input.args[0])}`;
      const time = (times.get(step) ?? 0) + 1;
      times.set(step, time);
      const meets = (fate: string) => fates.split(',').some((one) => one === fate || one === `${fate}#${time}`);
      note(step);
      if (meets(`before:${step}`)) die();
      if (meets(`stay-before:${place}`)) await stay(`before:${place}`);
      if (meets(`hold:${step}`) && !held.has(step)) {
        held.add(step);
        await context.cancelled;
      }
      if (meets(`deaf:${step}`) && !held.has(step)) {
        held.add(step);
        await new Promise(() => undefined);
      }
      const result = await next(input);
      if (meets(`after:${step}`)) die();
      if (meets(`stay-after:${place}`)) await stay(`after:${place}`);
      return result;
    },
  },
});

function instanceOf(input: unknown): string {
  const { instance, manifest, plan } = input as Record<string, { instance?: string } | string | undefined>;
  const named = [instance, manifest, plan].find((one) => one !== undefined);
  return typeof named === 'object' ? (named.instance ?? '') : (named ?? '');
}

if (process.env.CLOCK_AHEAD_MS) {
  const now = Date.now;
  Date.now = () => now() + Number(process.env.CLOCK_AHEAD_MS);
}
installRuntime('WARN');
const parts = home ? { parts: fakeParts({ home, helper: [...helperCommand(configFile), asked] }) } : {};
const workers = await startWorkers(await loadConfig(configFile), { around: [doom], queue, ...parts });
process.once('SIGTERM', () => workers.shutdown());
process.stdout.write('ready\n');
await workers.run();
