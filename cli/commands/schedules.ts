import { instanceNames, instanceOf } from '../../config/load.ts';
import { formatDuration } from '../../model/format.ts';
import { type CommandSpec, someInstances } from '../command.ts';
import type { EnsuredSchedule } from '../schedules/ensure.ts';
import { SOME_INSTANCES } from './instance-argument.ts';

/** `schedules [INSTANCE]`: one Temporal Schedule an instance, created or brought up to date. */
export const schedulesCommand: CommandSpec = {
  name: 'schedules',
  about: 'creates or updates the Temporal Schedule of each instance and says what it changed',
  arguments: [SOME_INSTANCES],
  options: [{ flags: '--dry-run', about: 'only say what would be changed' }],
  async run({ config, temporal, output }, given) {
    const loaded = await config();
    const instances = someInstances(loaded, given.arguments[0]);
    const dryRun = given.options.dryRun === true;
    const session = await temporal();
    const { ensureSchedule, orphanedSchedules } = await import('../schedules/ensure.ts');
    const { SCHEDULE_PREFIX } = await import('../schedules/wanted.ts');
    const { ensureSearchAttributes } = await import('../../worker/search-attributes.ts');
    // A scheduled run whose search attributes are unknown would never start, and nobody would see why.
    if (!dryRun) await ensureSearchAttributes(session.connection, session.namespace);
    const ensured: EnsuredSchedule[] = [];
    for (const instance of instances) {
      const { everyMs } = instanceOf(loaded, instance).backup;
      ensured.push(await ensureSchedule(session, { instance, everyMs }, { dryRun }));
    }
    const orphans = await orphanedSchedules(session, instanceNames(loaded));
    const texts = [
      ...ensured.map((one) => scheduleText(one, dryRun, session.commandLine)),
      ...orphans.map((id) => orphanText(id, session.named(SCHEDULE_PREFIX))),
    ];
    output.result({ dryRun, schedules: ensured, orphans }, texts.join('\n'));
    return undefined;
  },
};

/** @param commandLine - makes a line for the `temporal` CLI */
export function scheduleText(schedule: EnsuredSchedule, dryRun: boolean, commandLine: (command: string) => string): string {
  const { action, scheduleId, changes, paused, pausedBecause, everySeconds, offsetSeconds, nextRunAt } = schedule;
  const would = { created: 'would be created', updated: 'would be updated', unchanged: 'unchanged' }[action];
  const next = nextRunAt && !paused ? `, next at ${nextRunAt.slice(0, 16).replace('T', ' ')} UTC` : '';
  const lines = [
    `${scheduleId} ${dryRun ? would : action}: every ${formatDuration(everySeconds * 1000)}, offset ${formatDuration(offsetSeconds * 1000)}${next}`,
    ...changes.map(({ field, from, to }) => `  ${field}: ${from} -> ${to}`),
  ];
  if (paused) {
    const unpause = commandLine(`schedule toggle --schedule-id ${scheduleId} --unpause --reason "…"`);
    lines.push(
      `warning: ${scheduleId} is paused${pausedBecause ? ` ("${pausedBecause}")` : ''}: no backups are taken. It stays so until: ${unpause}`,
    );
  }
  return lines.join('\n');
}

const orphanText = (scheduleId: string, prefix: string): string =>
  `warning: ${scheduleId} is there for an instance that the configuration does not have; end all that goes on for it with: redis-backup remove ${scheduleId.slice(prefix.length)}`;
