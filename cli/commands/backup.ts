import type { AofBackupResult } from '../../model/backup/aof-backup.ts';
import { ERRORS } from '../../model/errors.ts';
import { formatBytes, formatCountOf, formatDuration } from '../../model/format.ts';
import type { BackupResult, StoredBackup } from '../../model/operations.ts';
import { askedFor, type NamedShard, shardName } from '../../model/shard.ts';
import { type CommandContext, type CommandSpec, oneInstance, oneShard } from '../command.ts';
import type { TemporalSession } from '../temporal.ts';
import { ONE_INSTANCE } from './instance-argument.ts';

/** `backup [INSTANCE]`: starts the workflow and follows it. Ctrl-C detaches; the backup goes on. */
export const backupCommand: CommandSpec = {
  name: 'backup',
  about: 'takes a snapshot now, or joins the one that is being taken',
  arguments: [ONE_INSTANCE],
  options: [{ flags: '--aof', about: 'copy the append-only log instead, on the machine of the Redis, while it goes on' }],
  exits: '50 when no backup was taken because another operation held the lock; 130 on Ctrl-C, and the backup goes on',
  async run({ config, temporal, output, interrupt }, given) {
    const loaded = await config();
    const isLog = given.options.aof === true;
    if (isLog) return copyLog({ output, interrupt }, await temporal(), oneShard(loaded, given.arguments[0], 'backup --aof'));
    const instance = oneInstance(loaded, given.arguments[0], 'backup');
    const session = await temporal();
    const { startBackup, followOperation } = await import('../operations/index.ts');
    const running = await startBackup(session, { instance, reason: 'manual' });
    if (running.joined) output.note(`joined: ${running.workflowId} is running already`);
    const result = await followOperation<BackupResult>(running, { session, output, interrupt });
    output.result({ ...result, joined: running.joined, workflowId: running.workflowId }, backupText(result));
    return result.outcome === 'skipped' ? ERRORS.LOCKED.exit : undefined;
  },
};

async function copyLog(
  { output, interrupt }: Pick<CommandContext, 'output' | 'interrupt'>,
  session: TemporalSession,
  redis: NamedShard,
): Promise<number | undefined> {
  const { startAofBackup, followOperation } = await import('../operations/index.ts');
  const running = await startAofBackup(session, { ...askedFor(redis), reason: 'manual' });
  if (running.joined) output.note(`joined: ${running.workflowId} is running already`);
  const result = await followOperation<AofBackupResult>(running, { session, output, interrupt });
  output.result({ ...result, joined: running.joined, workflowId: running.workflowId }, aofBackupText(result));
  return result.outcome === 'skipped' ? ERRORS.LOCKED.exit : undefined;
}

export function aofBackupText(result: AofBackupResult): string {
  if (result.outcome === 'skipped') return `skipped ${result.instance}: ${result.skippedBecause}`;
  const { instance, backup } = result;
  const { backupId, files, bytes, storedBytes, keysInBase, seconds } = backup;
  const base = keysInBase === undefined ? '' : `, ${formatCountOf(keysInBase, 'key')} in its base`;
  return `stored the log of ${instance} as AOF backup ${backupId}: ${formatCountOf(files, 'file')}, ${formatBytes(bytes)} as ${formatBytes(storedBytes)}${base}, in ${formatDuration(seconds * 1000)}`;
}

/** What a finished backup looks like to people. */
export function backupText(result: BackupResult): string {
  if (result.outcome === 'skipped') return `skipped ${result.instance}: ${result.skippedBecause}`;
  const { backups, instance, retention } = result;
  return [
    ...backups.flatMap((stored) => storedText(shardName({ instance, shard: stored.shard }, backups.length), stored)),
    ...(retention.removed.length > 0 ? [`retention: removed ${retention.removed.join(', ')}`] : []),
    ...(retention.problem ? [`warning: retention: ${retention.problem}`] : []),
  ].join('\n');
}

const storedText = (name: string, stored: StoredBackup): string[] => [
  `stored ${name} ${stored.backupId}: ${formatCountOf(stored.keys, 'key')}, ${formatBytes(stored.rdbBytes)} as ${formatBytes(stored.storedBytes)}, in ${formatDuration(stored.seconds * 1000)}`,
  ...stored.warnings.map((warning) => `warning: ${warning}`),
];
