import type { InstanceConfig } from '../../config/config.ts';
import { formatDuration } from '../../model/format.ts';
import { differences } from '../schedules/difference.ts';
import { describeSchedule, ensureSchedule } from '../schedules/ensure.ts';
import { scheduleIdOf, wantedSchedule } from '../schedules/wanted.ts';
import type { TemporalSession } from '../temporal.ts';
import { type CheckContext, type Finding, failed, findings, ok, warning } from './finding.ts';
import { runFindings } from './runs.ts';

/** The schedule is there, as `redis-backup schedules` makes it, and runs. */
export const checkSchedule = (
  session: TemporalSession,
  { name, backup }: InstanceConfig,
  { apply, now }: CheckContext,
): Promise<Finding[]> =>
  findings('schedule', async () => {
    const deployment = session.targetOf(name)?.deployment;
    const scheduleId = scheduleIdOf(name, deployment);
    const found = await describeSchedule(session, scheduleId);
    const make = `Run \`redis-backup schedules ${name}\`.`;
    if (!found && apply) {
      await ensureSchedule(session, { instance: name, everyMs: backup.everyMs }, { dryRun: false });
      return ok('schedule', `created ${scheduleId}: Temporal knew of none`);
    }
    if (!found) return failed('schedule', `there is no schedule ${scheduleId}: nobody takes backups`, make);
    const all: Finding[] = [];
    if (found.state.paused) {
      const because = found.state.note ? ` ("${found.state.note}")` : '';
      const unpause = session.commandLine(`schedule toggle --schedule-id ${scheduleId} --unpause --reason "…"`);
      all.push(
        failed(
          'schedule',
          `${scheduleId} is paused${because}: nobody takes backups`,
          `When its reason has gone, run: ${unpause}`,
        ),
      );
    }
    const changes = differences(wantedSchedule(name, backup.everyMs, deployment), found);
    if (changes.length > 0) {
      const what = changes.map(({ field, from, to }) => `${field}: ${from} -> ${to}`).join('; ');
      all.push(warning('schedule', `${scheduleId} differs from the configuration: ${what}`, make));
    }
    const runs = found.state.paused ? [] : await runFindings(session, found, { everyMs: backup.everyMs, nowMs: now() });
    return [...(all.length > 0 ? all : [ok('schedule', `${scheduleId} runs every ${formatDuration(backup.everyMs)}`)]), ...runs];
  });
