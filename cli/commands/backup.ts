import { ERRORS } from '../../model/errors.ts';
import { formatBytes, formatCountOf, formatDuration } from '../../model/format.ts';
import type { BackupResult, StoredBackup } from '../../model/operations.ts';
import { type CommandSpec, oneInstance } from '../command.ts';
import { ONE_INSTANCE } from './instance-argument.ts';

/** `backup [INSTANCE]`: starts the workflow and follows it. Ctrl-C detaches; the backup goes on. */
export const backup: CommandSpec = {
  name: 'backup',
  about: 'takes a snapshot now, or joins the one that is being taken',
  arguments: [ONE_INSTANCE],
  options: [],
  exits: '50 when no backup was taken because another operation held the lock; 130 on Ctrl-C, and the backup goes on',
  async run({ config, temporal, output, interrupt }, given) {
    const instance = oneInstance(await config(), given.arguments[0], 'backup');
    const session = await temporal();
    const { startBackup, follow } = await import('../operations/index.ts');
    const running = await startBackup(session, { instance, reason: 'manual' });
    if (running.joined) output.note(`joined: ${running.workflowId} is running already`);
    const result = await follow<BackupResult>(running, { session, output, interrupt });
    output.result({ ...result, joined: running.joined, workflowId: running.workflowId }, backupText(result));
    return result.outcome === 'skipped' ? ERRORS.LOCKED.exit : undefined;
  },
};

/** What a finished backup looks like to people. */
export function backupText(result: BackupResult): string {
  if (result.outcome === 'skipped') return `skipped ${result.instance}: ${result.skippedBecause}`;
  const { backups, instance, retention } = result;
  return [
    ...backups.flatMap((stored) => storedText(instance, stored)),
    ...(retention.removed.length > 0 ? [`retention: removed ${retention.removed.join(', ')}`] : []),
    ...(retention.problem ? [`warning: retention: ${retention.problem}`] : []),
  ].join('\n');
}

const storedText = (instance: string, stored: StoredBackup): string[] => [
  `stored ${instance} ${stored.backupId}: ${formatCountOf(stored.keys, 'key')}, ${formatBytes(stored.rdbBytes)} as ${formatBytes(stored.storedBytes)}, in ${formatDuration(stored.seconds * 1000)}`,
  ...stored.warnings.map((warning) => `warning: ${warning}`),
];
