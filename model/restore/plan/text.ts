import { placeText } from '../../backup/owner.ts';
import { formatBytes, formatDuration, formatTime } from '../../format.ts';
import { doubtLine } from '../target-doubt.ts';
import { lossSection, momentSection, outcomeTables, untriedSection } from './outcome-text.ts';
import { ownerLine } from './owner.ts';
import type { PlannedLive } from './planned.ts';
import type { PlannedLog, RestorePlan } from './types.ts';
import { beyondLines } from './unusable.ts';

/** What `restore --plan` prints: what takes data away and what is lost first, then what happens. Lines end without blanks; no colour. */
export function renderPlan(plan: RestorePlan): string {
  const sections = [
    doubtLine({ doubts: plan.targetDoubts }),
    ownerLine(plan),
    headline(plan),
    beyondLines(plan),
    refusals(plan),
    momentSection(plan),
    untriedSection(plan),
    lossSection(plan),
    outcomeTables(plan),
    stepSection(plan),
    ...(plan.live ? [] : [roomSection(plan)]),
    list('Take note', plan.warnings),
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

const headline = (plan: RestorePlan): string[] => [
  plan.log
    ? `Restore ${plan.name} as it was ${formatTime(plan.log.untilMs, 'milliseconds')}, ${formatDuration(plan.ageSeconds * 1000)} ago`
    : `Restore ${plan.name} from backup ${plan.backupId}, taken ${formatTime(Date.parse(plan.takenAt))}, ${formatDuration(plan.ageSeconds * 1000)} ago`,
  ...(plan.log ? [fromLog(plan, plan.log)] : []),
  ...(plan.takenFrom ? [`taken of the Redis at ${placeText(plan.takenFrom)}`] : []),
  plan.live ? `into the running ${plan.target}` : `into ${plan.target}`,
];

const fromLog = ({ backupId, takenAt, aofBackup, rdbBytes }: RestorePlan, { ranges, bytes }: PlannedLog): string => {
  if (aofBackup)
    return `from AOF backup ${backupId}, taken ${formatTime(Date.parse(takenAt))}: a base of ${formatBytes(rdbBytes)}, and ${formatBytes(bytes)} of log`;
  const [first, last] = [ranges[0], ranges.at(-1)];
  return `from backup ${backupId}, taken ${formatTime(Date.parse(takenAt))}, and ${formatBytes(bytes)} of log, offsets ${first?.from ?? 0} to ${last?.to ?? 0} of timeline ${last?.timelineId ?? ''}`;
};

const refusals = ({ refusals: all }: RestorePlan): string[] =>
  all.length === 0
    ? []
    : [
        'REFUSED, nothing was touched',
        ...all.flatMap(({ code, message, next }) => [`  ${code}: ${message}.`, `    next: ${next}`]),
      ];

function stepSection({ steps, downtimeSeconds, live }: RestorePlan): string[] {
  const rows = steps.map(({ title, destructive, estimateSeconds }, i) => [
    `${i + 1}`,
    destructive ? '!' : '',
    `about ${formatDuration(estimateSeconds * 1000)}`,
    title,
  ]);
  const widths = [1, 1, Math.max(...rows.map((row) => row[2]?.length ?? 0))];
  const lines = rows.map((row) => `  ${row.map((cell, i) => cell.padStart(widths[i] ?? 0)).join('  ')}`.trimEnd());
  return [
    'What happens',
    ...lines,
    live
      ? felt(live)
      : `  Nobody is served for about ${formatDuration(downtimeSeconds * 1000)} (steps marked !). If any step fails, the old data is put back and started.`,
  ];
}

const felt = ({ load, writesRefusedSeconds }: PlannedLive): string =>
  `  ${load === 'swapdb' ? 'Reads are served from the old data all the time.' : 'Reads answer LOADING while it is loaded.'} Writes get READONLY for about ${formatDuration(writesRefusedSeconds * 1000)} (step marked !). If it fails before the new data is complete, the old data stays.`;

function roomSection(plan: RestorePlan): string[] {
  const { space, memory, safetySnapshot } = plan;
  const rows = [
    [
      'disk',
      formatBytes(space.neededBytes),
      `of ${formatBytes(space.freeBytes)} free; ${formatBytes(space.keptAsideBytes)} of old data stay aside`,
    ],
    [
      'memory',
      formatBytes(memory.neededBytes),
      memory.availableBytes === undefined
        ? 'and what is available is not known'
        : `of ${formatBytes(memory.availableBytes)} ${memory.availableWhy}`,
    ],
  ];
  const width = Math.max(...rows.map((row) => row[1]?.length ?? 0));
  return [
    'What it needs',
    ...rows.map(([what = '', needed = '', of = '']) => `  ${what.padEnd(8)}${needed.padStart(width)}  ${of}`),
    `  ${'data'.padEnd(8)}${loadedFrom(plan)}`,
    ...(safetySnapshot.taken ? [] : [`  No safety snapshot: ${safetySnapshot.why}.`]),
  ];
}

function loadedFrom({ mode, appendForm, layout }: RestorePlan): string {
  if (mode === 'rdb-file') return `${layout.dir}/${layout.dbfilename}`;
  const log = appendForm === 'multi-part' ? layout.appenddirname : layout.appendfilename;
  return `${layout.dir}/${log} (appendonly yes: a server given only ${layout.dbfilename} would start empty)`;
}

const list = (title: string, items: readonly string[]): string[] =>
  items.length === 0 ? [] : [title, ...items.map((item) => `  - ${item}.`)];
