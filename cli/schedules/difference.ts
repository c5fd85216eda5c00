import type { ScheduleDescription } from '@temporalio/client';
import { TypedSearchAttributes } from '@temporalio/common';
import { formatDuration } from '../../model/format.ts';
import { MANAGED_NOTE, type WantedSchedule } from './wanted.ts';

/** One field of a schedule that is not as it must be. */
export interface Change {
  field: string;
  from: string;
  to: string;
}

type Fields = Record<string, string>;

/** What an update would change, field by field. Whether it is paused is no difference: that is a person's decision. */
export function differences(wanted: WantedSchedule, found: ScheduleDescription): Change[] {
  const to = wantedFields(wanted);
  const from = foundFields(found);
  return Object.keys(to).flatMap((field) => {
    // Pausing writes its reason into the note, and that must not be lost.
    if (field === 'note' && found.state.paused) return [];
    const change = { field, from: from[field] ?? 'none', to: to[field] ?? 'none' };
    return change.from === change.to ? [] : [change];
  });
}

function wantedFields({ spec, action, policies }: WantedSchedule): Fields {
  return {
    interval: intervalsText(spec.intervals as { every: number; offset: number }[]),
    'other times': 'none',
    jitter: duration(undefined),
    overlap: policies?.overlap ?? '',
    'catch-up window': duration(policies?.catchupWindow as number),
    'pause on failure': yesNo(policies?.pauseOnFailure),
    'remaining actions': 'no limit',
    'workflow type': String(action.workflowType),
    'workflow id': action.workflowId ?? '',
    'task queue': action.taskQueue,
    input: JSON.stringify(action.args),
    'search attributes': attributesText(new TypedSearchAttributes((action.typedSearchAttributes as never) ?? [])),
    'execution time-out': duration(action.workflowExecutionTimeout as number),
    summary: action.staticSummary ?? 'none',
    note: MANAGED_NOTE,
  };
}

function foundFields({ spec, action, policies, state }: ScheduleDescription): Fields {
  const others = [...(spec.calendars ?? []), ...(spec.skip ?? []), spec.startAt, spec.endAt].filter((one) => one !== undefined);
  return {
    interval: intervalsText(spec.intervals ?? []),
    'other times': others.length > 0 ? `${others.length}` : 'none',
    jitter: duration(spec.jitter),
    overlap: policies.overlap ?? 'none',
    'catch-up window': duration(policies.catchupWindow),
    'pause on failure': yesNo(policies.pauseOnFailure),
    'remaining actions': state.remainingActions === undefined ? 'no limit' : `${state.remainingActions}`,
    'workflow type': action.workflowType,
    'workflow id': action.workflowId ?? '',
    'task queue': action.taskQueue ?? '',
    input: JSON.stringify(action.args ?? []),
    'search attributes': attributesText(action.typedSearchAttributes),
    'execution time-out': duration(action.workflowExecutionTimeout as number | undefined),
    summary: action.staticSummary ?? 'none',
    note: state.note ?? 'none',
  };
}

const intervalsText = (intervals: readonly { every: number; offset: number }[]): string =>
  intervals.map(({ every, offset }) => `every ${duration(every)}, offset ${duration(offset)}`).join(' and ') || 'none';

const duration = (ms: number | undefined): string => (ms ? formatDuration(ms) : 'none');
const yesNo = (value: boolean | undefined): string => (value ? 'yes' : 'no');

const attributesText = (attributes: unknown): string =>
  attributes instanceof TypedSearchAttributes
    ? attributes
        .getAll()
        .map(({ key, value }) => `${key.name}=${String(value)}`)
        .sort()
        .join(', ')
    : 'none';
