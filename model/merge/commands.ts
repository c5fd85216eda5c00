import type { PlannedMoment } from '../restore/plan/types.ts';
import { formatOffset } from '../restore/until.ts';
import type { MergePlan } from './merge.ts';

/** Carries out this very plan. */
export function mergeCommand({ name: instance, backupId, log, classes, intoAnother }: MergePlan): string {
  const last = log?.ranges.at(-1);
  const until = log && last ? ` --until ${formatOffset(last.timelineId, last.to)}` : '';
  return `redis-backup restore ${instance} ${backupId} --only ${classes.map(({ name }) => name).join(',')}${until}${intoAnother ? ' --into-another' : ''} --yes`;
}

/** Brings the same classes back as they were before that moment. */
export const onlyCommand = ({ name: instance, classes, intoAnother }: MergePlan, { until }: PlannedMoment): string =>
  `redis-backup restore ${instance} --only ${classes.map(({ name }) => name).join(',')}${until === undefined ? '' : ` --until ${until}`}${intoAnother ? ' --into-another' : ''}`;
