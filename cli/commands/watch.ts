import { named } from '../../model/deployment.ts';
import { RecoveryError } from '../../model/errors.ts';
import { formatTime } from '../../model/format.ts';
import { WORKFLOW_IDS } from '../../model/operations.ts';
import type { WatchStatus } from '../../model/watch.ts';
import { type CommandSpec, oneInstance } from '../command.ts';
import type { OperationStatus } from '../output/output.ts';
import { ONE_INSTANCE } from './instance-argument.ts';

/** `watch [INSTANCE]`: starts the watcher, or says that it runs; with --status only looks, with --stop ends it. */
export const watch: CommandSpec = {
  name: 'watch',
  about: 'starts to watch a Redis, which then starts or proposes its recovery; or says what is seen; or ends it',
  arguments: [ONE_INSTANCE],
  options: [
    { flags: '--status', about: 'only say whether it is watched, what is seen, and what is asked' },
    { flags: '--stop', about: 'watch it no longer; a recovery that runs goes on' },
  ],
  exits: '60 with --status when nobody watches',
  async run({ config, temporal, output, now }, given) {
    const { status: onlyStatus, stop } = given.options;
    if (onlyStatus === true && stop === true) throw twoWishes();
    const loaded = await config();
    const instance = oneInstance(loaded, given.arguments[0], 'watch');
    if (!loaded.instances[instance]?.watch && stop !== true) throw notConfigured(instance);
    const session = await temporal();
    const workflowId = session.named(WORKFLOW_IDS.watch(instance));
    const { newestRun, startWatch, statusOf } = await import('../operations/index.ts');
    if (onlyStatus !== true && stop !== true) {
      const { joined } = await startWatch(session, { instance });
      const text = joined ? `${workflowId} runs already` : `started ${workflowId}: ${instance} is watched from now on`;
      output.result({ instance, workflowId, started: !joined }, text);
      return undefined;
    }
    const handle = session.client.workflow.getHandle(workflowId);
    const run = await newestRun(handle, session.targetOf(instance));
    const runs = run?.status.name === 'RUNNING';
    if (stop === true) {
      if (runs) await handle.cancel();
      output.result({ instance, workflowId, stopped: runs }, runs ? `${workflowId} ends` : `${workflowId} does not run`);
      return undefined;
    }
    if (!runs) throw notRunning(instance);
    const [status, seen] = await Promise.all([handle.query<WatchStatus>('status'), statusOf(handle, now())]);
    output.result({ ...status, now: seen }, watchText(status, seen));
    return undefined;
  },
};

/** Who sees what, and what a person is to do. */
export function watchText(status: WatchStatus, now: OperationStatus): string {
  const { instance, deployment, phase, text, failingSince, sides, question } = status;
  const answers = question
    ? [
        `  answer: temporal workflow update execute -w ${named(deployment, WORKFLOW_IDS.watch(instance))} --name approve --input '{"by":"you","incident":"${question.incident}"}'`,
        '  or the same with --name decline',
      ]
    : [];
  return [
    `watch of ${instance}: ${phase}`,
    `  ${text}`,
    ...(failingSince ? [`  fails since ${formatTime(Date.parse(failingSince), 'seconds')}`] : []),
    ...Object.entries(failingSince && sides ? sides : {}).map(([side, view]) => `  ${side}: ${view.verdict}, ${view.detail}`),
    ...(now.note ? [`  seen now: ${now.note}`] : []),
    ...answers,
  ].join('\n');
}

const twoWishes = () => new RecoveryError('USAGE', '--status and --stop exclude each other', { next: 'Give one of them.' });

const notConfigured = (instance: string) =>
  new RecoveryError('CONFIG_INVALID', `${instance} is not configured to be watched`, {
    next: `Add \`watch: {}\` to instances.${instance}; docs/configuration.md has its fields.`,
  });

const notRunning = (instance: string) =>
  new RecoveryError('CHECK_FAILED', `nobody watches ${instance}`, { next: `Start it with \`redis-backup watch ${instance}\`.` });
