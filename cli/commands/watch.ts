import { RecoveryError } from '../../model/errors.ts';
import { formatTime } from '../../model/format.ts';
import { askedFor } from '../../model/shard.ts';
import type { WatchStatus } from '../../model/watch/watch.ts';
import { WORKFLOW_IDS } from '../../model/workflow-ids.ts';
import { type CommandSpec, type Given, oneShard, optionOf } from '../command.ts';
import type { ShownStatus } from '../output/output.ts';
import type { ControlMessage } from '../recover/control.ts';
import { loginName } from '../who.ts';
import { ONE_INSTANCE } from './instance-argument.ts';

/** `watch [INSTANCE]`: starts the watcher, or says that it runs; with --status only looks, with --stop ends it. */
export const watchCommand: CommandSpec = {
  name: 'watch',
  about: 'starts to watch a Redis, which then starts or proposes its recovery; or says what is seen; or ends it',
  arguments: [ONE_INSTANCE],
  options: [
    { flags: '--status', about: 'only say whether it is watched, what is seen, and what is asked' },
    { flags: '--approve <incident>', about: 'answer its question with yes: start the recovery' },
    { flags: '--decline <incident>', about: 'answer it with no, until Redis has served again' },
    { flags: '--by <name>', about: 'who you are; your login name when left out' },
    { flags: '--stop', about: 'watch it no longer; a recovery that runs goes on' },
  ],
  exits: '60 with --status when nobody watches, 54 when no worker answers for the watcher',
  async run(context, given) {
    const { config, temporal, output, now } = context;
    const { status: onlyStatus, stop } = given.options;
    const answer = answerOf(given);
    if ([onlyStatus === true, stop === true, answer !== undefined].filter(Boolean).length > 1) throw twoRequests();
    const loaded = await config();
    const redis = oneShard(loaded, given.arguments[0], 'watch');
    const { instance, name } = redis;
    if (!redis.watch && stop !== true) throw notConfigured(instance);
    if (answer) {
      const { answerWatcher } = await import('../recover/control.ts');
      return answerWatcher(context, redis, answer);
    }
    const session = await temporal();
    const workflowId = session.named(WORKFLOW_IDS.watch(name));
    const { askWithin, newestRun, startWatch, statusOf } = await import('../operations/index.ts');
    if (onlyStatus !== true && stop !== true) {
      const { joined } = await startWatch(session, askedFor(redis));
      const text = joined
        ? `${workflowId} runs already`
        : `started ${workflowId}; \`redis-backup watch ${name} --status\` says what it sees`;
      output.result({ instance: name, workflowId, started: !joined }, text);
      return undefined;
    }
    const handle = session.client.workflow.getHandle(workflowId);
    const run = await newestRun(handle, session.targetOf(instance));
    const runs = run?.status.name === 'RUNNING';
    if (stop === true) {
      if (runs) await handle.cancel();
      output.result({ instance: name, workflowId, stopped: runs }, runs ? `${workflowId} ends` : `${workflowId} does not run`);
      return undefined;
    }
    if (!runs) throw notRunning(name);
    const [status, seen] = await Promise.all([askWithin<WatchStatus>(session, handle, 'status'), statusOf(handle, now())]);
    output.result({ ...status, now: seen }, watchText(status, seen));
    return undefined;
  },
};

/** @throws RecoveryError `USAGE` for a yes and a no at once */
function answerOf(given: Given): ControlMessage | undefined {
  const [yes, no] = [optionOf(given, 'approve'), optionOf(given, 'decline')];
  if (yes !== undefined && no !== undefined) throw twoRequests();
  const incident = yes ?? no;
  if (incident === undefined) return undefined;
  return { name: yes === undefined ? 'decline' : 'approve', message: { by: optionOf(given, 'by') ?? loginName(), incident } };
}

/** Who sees what, and what a person is to do. What is seen now goes before what was decided by an older look. */
export function watchText(status: WatchStatus, now: ShownStatus): string {
  const { instance, phase, text, failingSince, witnesses, question } = status;
  const answers = question
    ? [
        `  yes: redis-backup watch ${instance} --approve ${question.incident}`,
        `  no:  redis-backup watch ${instance} --decline ${question.incident}`,
      ]
    : [];
  return [
    `watch of ${instance}: ${phase}`,
    ...(phase === 'watching' && now.note ? [] : [`  ${text}`]),
    ...(failingSince ? [`  fails since ${formatTime(Date.parse(failingSince), 'seconds')}`] : []),
    ...Object.entries(failingSince && witnesses ? witnesses : {}).map(
      ([side, view]) => `  ${side}: ${view.verdict}, ${view.detail}`,
    ),
    ...(now.note ? [`  seen now: ${now.note}`] : []),
    ...answers,
  ].join('\n');
}

const twoRequests = () =>
  new RecoveryError('USAGE', '--status, --stop, --approve and --decline exclude each other', { next: 'Give one of them.' });

const notConfigured = (instance: string) =>
  new RecoveryError('CONFIG_INVALID', `${instance} is not configured to be watched`, {
    next: `Add \`watch: {}\` to instances.${instance}; docs/configuration.md has its fields.`,
  });

const notRunning = (instance: string) =>
  new RecoveryError('CHECK_FAILED', `nobody watches ${instance}`, { next: `Start it with \`redis-backup watch ${instance}\`.` });
