import { formatBytes, formatDuration, formatRate } from '../../model/format.ts';
import type { ShownStatus } from './output.ts';

/** `snapshot: 512.0 MB of about 1.2 GB (43 %), 85.0 MB/s, 8 s left` */
export function statusText(status: ShownStatus): string {
  const { phase, stage, workflowId } = status;
  const head = [...new Set([phase, stage])].filter(Boolean).join(', ') || workflowId;
  const tail = [
    ...(status.question ? [`it asks: ${status.question}`] : []),
    ...bytesText(status),
    ...(status.note ? [status.note] : []),
    ...problemText(status),
  ].join(', ');
  return tail ? `${head}: ${tail}` : head;
}

function bytesText({ doneBytes, totalBytes, estimated, bytesPerSecond, storedBytes, etaSeconds }: ShownStatus): string[] {
  if (doneBytes === undefined) return [];
  const of =
    totalBytes === undefined
      ? ''
      : ` of ${estimated ? 'about ' : ''}${formatBytes(totalBytes)} (${percent(doneBytes, totalBytes)} %)`;
  return [
    `${formatBytes(doneBytes)}${of}`,
    ...(storedBytes === undefined ? [] : [`stored as ${formatBytes(storedBytes)}`]),
    ...(bytesPerSecond === undefined ? [] : [formatRate(bytesPerSecond)]),
    ...(etaSeconds === undefined ? [] : [`${formatDuration(etaSeconds * 1000)} left`]),
  ];
}

const problemText = ({ attempt = 1, problem }: ShownStatus): string[] =>
  attempt > 1 || problem ? [`attempt ${attempt}${problem ? ` after: ${problem}` : ''}`] : [];

/** Never 100 before it is done, even where the total was an estimate that proves too low. */
export const percent = (done: number, total: number): number => (total <= 0 ? 0 : Math.min(99, Math.floor((100 * done) / total)));
