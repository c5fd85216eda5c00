import { ScheduleAlreadyRunning, type ScheduleDescription, ScheduleNotFoundError } from '@temporalio/client';
import { requireOwnWorker } from '../operations/own-worker.ts';
import type { TemporalSession } from '../temporal.ts';
import { type Change, differences } from './difference.ts';
import { MANAGED_NOTE, SCHEDULE_PREFIX, type WantedSchedule, wantedSchedule } from './wanted.ts';

/** What was done, or with `dryRun` would be done, to the schedule of one instance. */
export interface EnsuredSchedule {
  instance: string;
  scheduleId: string;
  action: 'created' | 'updated' | 'unchanged';
  changes: Change[];
  everySeconds: number;
  offsetSeconds: number;
  /** A paused schedule stays paused: a person did that. */
  paused: boolean;
  /** Why, as that person wrote. */
  pausedBecause?: string;
  nextRunAt?: string;
}

/** Creates or updates the schedule of one instance. Doing it again changes nothing. */
export async function ensureSchedule(
  session: TemporalSession,
  { instance, everyMs }: { instance: string; everyMs: number },
  { dryRun }: { dryRun: boolean },
): Promise<EnsuredSchedule> {
  const target = session.targetOf(instance);
  if (target) await requireOwnWorker(session, target);
  const wanted = wantedSchedule(instance, everyMs, target?.deployment);
  const found = await describeSchedule(session, wanted.scheduleId);
  if (!found) {
    if (!dryRun) await create(session, wanted);
    return ensured(instance, wanted, 'created', [], dryRun ? undefined : await describeSchedule(session, wanted.scheduleId));
  }
  const changes = differences(wanted, found);
  if (changes.length === 0) return ensured(instance, wanted, 'unchanged', [], found);
  if (dryRun) return ensured(instance, wanted, 'updated', changes, found);
  await update(session, wanted);
  return ensured(instance, wanted, 'updated', changes, await describeSchedule(session, wanted.scheduleId));
}

/** `undefined` if there is none. */
export async function describeSchedule(session: TemporalSession, scheduleId: string): Promise<ScheduleDescription | undefined> {
  try {
    return await session.client.schedule.getHandle(scheduleId).describe();
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return undefined;
    throw error;
  }
}

/** Schedules that this command once made for instances that the configuration no longer has. */
export async function orphanedSchedules(session: TemporalSession, instances: readonly string[]): Promise<string[]> {
  const known = new Set(instances.map((instance) => session.named(`${SCHEDULE_PREFIX}${instance}`)));
  const prefix = session.named(SCHEDULE_PREFIX);
  const orphans: string[] = [];
  for await (const { scheduleId, state } of session.client.schedule.list()) {
    if (scheduleId.startsWith(prefix) && state.note === MANAGED_NOTE && !known.has(scheduleId)) orphans.push(scheduleId);
  }
  return orphans.sort();
}

async function create(session: TemporalSession, wanted: WantedSchedule): Promise<void> {
  try {
    await session.client.schedule.create(wanted);
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    await update(session, wanted); // somebody else made it in between
  }
}

/** Never unpauses, and keeps the reason of a pause. */
const update = (session: TemporalSession, { scheduleId, spec, action, policies }: WantedSchedule) =>
  session.client.schedule.getHandle(scheduleId).update(({ state }) => ({
    spec,
    action,
    policies,
    state: { paused: state.paused, note: state.paused ? state.note : MANAGED_NOTE },
  }));

function ensured(
  instance: string,
  { scheduleId, spec }: WantedSchedule,
  action: EnsuredSchedule['action'],
  changes: Change[],
  found?: ScheduleDescription,
): EnsuredSchedule {
  const { every, offset } = (spec.intervals as { every: number; offset: number }[])[0] ?? { every: 0, offset: 0 };
  const paused = found?.state.paused ?? false;
  return {
    instance,
    scheduleId,
    action,
    changes,
    everySeconds: every / 1000,
    offsetSeconds: offset / 1000,
    paused,
    ...(paused && found?.state.note ? { pausedBecause: found.state.note } : {}),
    ...(found?.info.nextActionTimes[0] ? { nextRunAt: found.info.nextActionTimes[0].toISOString() } : {}),
  };
}
