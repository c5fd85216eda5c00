import type { ArchiveStatus, Rpo } from '../../model/archive/archiving.ts';
import { ERRORS, RecoveryError } from '../../model/errors.ts';
import { formatDuration, formatTime } from '../../model/format.ts';
import { askedFor } from '../../model/shard.ts';
import { WORKFLOW_IDS } from '../../model/workflow-ids.ts';
import { type CommandSpec, oneShard } from '../command.ts';
import type { ShownStatus } from '../output/output.ts';
import { ONE_INSTANCE } from './instance-argument.ts';

/** `archive [INSTANCE]`: starts the continuous log, or says that it runs; with --status only looks. */
export const archiveCommand: CommandSpec = {
  name: 'archive',
  about: 'starts the continuous log of a Redis, which then follows it for ever; or says how far it is',
  arguments: [ONE_INSTANCE],
  options: [{ flags: '--status', about: 'only say whether it runs, and what would be lost now' }],
  exits: '61 with --status while it cannot follow, 62 when no archiver runs, 54 when no worker answers for it',
  async run({ config, temporal, output, now }, given) {
    const loaded = await config();
    const redis = oneShard(loaded, given.arguments[0], 'archive');
    const { instance, name } = redis;
    if (!redis.archive) throw notConfigured(instance);
    const session = await temporal();
    const { askWithin, newestRun, startArchive, statusOf } = await import('../operations/index.ts');
    const workflowId = session.named(WORKFLOW_IDS.archive(name));
    if (given.options.status !== true) {
      const { joined } = await startArchive(session, askedFor(redis));
      const text = joined
        ? `${workflowId} runs already`
        : `started ${workflowId}; \`redis-backup archive ${name} --status\` says when it follows`;
      output.result({ instance: name, workflowId, started: !joined }, text);
      return undefined;
    }
    const handle = session.client.workflow.getHandle(workflowId);
    const run = await newestRun(handle, session.targetOf(instance));
    if (run?.status.name !== 'RUNNING') throw notRunning(name);
    const [status, now_] = await Promise.all([askWithin<ArchiveStatus>(session, handle, 'status'), statusOf(handle, now())]);
    output.result({ ...status, ...rpoOf(now_), now: now_ }, archiveText(status, now_));
    return isInTrouble(status, now_) ? ERRORS.BACKUP_STALE.exit : undefined;
  },
};

const rpoOf = ({ rpoSeconds }: ShownStatus): { rpoSeconds?: number } => (rpoSeconds === undefined ? {} : { rpoSeconds });

/** It should follow, and does not: what is written now is in no log. Whoever has let it go has done so on purpose. */
export const isInTrouble = ({ phase }: Pick<ArchiveStatus, 'phase'>, { problem, rpoSeconds }: ShownStatus): boolean =>
  phase === 'trouble' || (phase === 'follow' && problem !== undefined && rpoSeconds === undefined);

/** Who follows, how far, and what a disaster in this second would cost: where nobody follows, what was last known of that. */
export function archiveText(status: ArchiveStatus, now: ShownStatus): string {
  const { phase, rpo } = status;
  const last = rpo && lastKnown(rpo);
  const loss =
    now.rpoSeconds === undefined || phase !== 'follow'
      ? rpo && `${last}\n  lost if it failed now: what was written since ${timeOf(rpo.storedUpTo)}, and is in no backup`
      : `lost if it failed now: ${lossOf(now.rpoSeconds)}`;
  const problem = now.problem ? `attempt ${now.attempt} after: ${now.problem}` : undefined;
  const hole = rpo?.hole && `the store had lost a part of the log, and a new base was taken: ${rpo.hole}`;
  const parts = phase === 'follow' ? [now.note ?? hole, loss, problem] : [loss, hole];
  return [headline(status), ...parts.filter((part) => part !== undefined).map((part) => `  ${part}`)].join('\n');
}

function lastKnown({ asOf, silentSince, storedUpTo, seconds }: Rpo): string {
  const silent = silentSince ? `nothing heard from Redis since ${timeOf(silentSince)}, ` : '';
  return `known at ${timeOf(asOf)}: ${silent}stored up to ${timeOf(storedUpTo)}, ${lossOf(seconds)} not stored`;
}

const timeOf = (iso: string): string => formatTime(Date.parse(iso), 'seconds');

const lossOf = (seconds: number): string => `${formatDuration(seconds * 1000)} of writes`;

function headline({ instance, phase, detachedBy, trouble }: ArchiveStatus): string {
  if (phase === 'detached') return `archive of ${instance}: detached for ${detachedBy}; nothing is archived meanwhile`;
  if (trouble !== undefined) return `archive of ${instance}: in trouble, tried again every 15 seconds: ${trouble}`;
  return `archive of ${instance}: ${phase}`;
}

const notConfigured = (instance: string) =>
  new RecoveryError('CONFIG_INVALID', `no continuous log is configured for ${instance}`, {
    next: `Add \`archive: {}\` to instances.${instance}; docs/configuration.md has its fields.`,
  });

const notRunning = (instance: string) =>
  new RecoveryError('BACKUP_NONE', `no archiver of ${instance} runs`, {
    next: `Start it with \`redis-backup archive ${instance}\`.`,
  });
