import { formatCountOf } from '../../model/format.ts';
import type { RetentionResult } from '../../model/operations.ts';
import { type CommandSpec, oneInstance } from '../command.ts';
import { table } from '../output/table.ts';
import { ONE_INSTANCE } from './instance-argument.ts';

/** `retention [INSTANCE]`: says what the rules of the configuration would remove, and with --apply removes it. */
export const retentionCommand: CommandSpec = {
  name: 'retention',
  about: 'says which backups the rules would remove; with --apply removes them',
  arguments: [ONE_INSTANCE],
  options: [{ flags: '--apply', about: 'remove them' }],
  async run({ config, temporal, output, interrupt }, given) {
    const instance = oneInstance(await config(), given.arguments[0], 'retention');
    const session = await temporal();
    const { startRetention, followOperation } = await import('../operations/index.ts');
    const running = await startRetention(session, { instance, dryRun: given.options.apply !== true });
    const result = await followOperation<RetentionResult>(running, { session, output, interrupt });
    output.result(result, retentionText(result));
    return undefined;
  },
};

/** What retention did or would do. */
export function retentionText({ instance, dryRun, kept, removed, swept, logRemoved = 0 }: RetentionResult): string {
  const would = dryRun ? 'would be removed' : 'removed';
  const rows = [
    ...kept.map(({ backupId, because }) => ['keep', backupId, because.join('; ')]),
    ...removed.map(({ backupId, because }) => [dryRun ? 'remove' : 'removed', backupId, because]),
    ...swept.map((key) => [dryRun ? 'sweep' : 'swept', key, 'what a backup that was cut short left behind']),
  ];
  const summary = `${instance}: ${formatCountOf(kept.length, 'backup')} kept, ${removed.length} ${would}`;
  const log =
    logRemoved > 0 ? [`${formatCountOf(logRemoved, 'segment')} of the continuous log ${would}: no kept backup needs them`] : [];
  const hint =
    dryRun && removed.length + swept.length + logRemoved > 0
      ? [`Remove them with: redis-backup retention ${instance} --apply`]
      : [];
  return [...(rows.length > 0 ? [table(rows)] : []), summary, ...log, ...hint].join('\n');
}
