import { formatBounds, formatBytes, formatCount, formatCountOf, formatDuration, formatTime } from './format.ts';
import type { PlannedLive } from './live.ts';
import type { PlannedLog, RestorePlan } from './plan.ts';
import { beyondLines } from './plan-beyond.ts';

/** What `restore --plan` prints: what is lost first, then what happens. Lines end without blanks; no colour. */
export function renderPlan(plan: RestorePlan): string {
  const sections = [
    headline(plan),
    beyondLines(plan),
    refusals(plan),
    lossSection(plan),
    classTable(plan),
    stepSection(plan),
    ...(plan.live ? [] : [roomSection(plan)]),
    list('Take note', plan.warnings),
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

const name = ({ instance, shard }: RestorePlan): string => (shard === '0' ? instance : `${instance}/${shard}`);

const headline = (plan: RestorePlan): string[] => [
  plan.log
    ? `Restore ${name(plan)} as it was ${formatTime(plan.log.untilMs, 'milliseconds')}, ${formatDuration(plan.ageSeconds * 1000)} ago`
    : `Restore ${name(plan)} from backup ${plan.backupId}, taken ${formatTime(Date.parse(plan.takenAt))}, ${formatDuration(plan.ageSeconds * 1000)} ago`,
  ...(plan.log ? [fromLog(plan, plan.log)] : []),
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

function lossSection({ losses, safetySnapshot, layout, live }: RestorePlan): string[] {
  const lines = [
    'What is lost',
    `  Every write since ${formatTime(losses.writes.fromMs, 'seconds')} (${formatDuration(losses.writes.seconds * 1000)}).`,
  ];
  const kept = `files are kept aside in ${layout.dir}`;
  if (losses.replaced === undefined) lines.push(`  What the target holds now, which could not be counted; its ${kept}.`);
  else if (losses.replaced.keys === 0) lines.push('  Nothing else: the target holds no keys.');
  else {
    const snapshot = safetySnapshot.taken ? ', and a safety snapshot is taken first' : '';
    const where = live ? (safetySnapshot.taken ? '; a safety snapshot is taken first' : '') : `; their ${kept}${snapshot}`;
    lines.push(
      `  ${formatCountOf(losses.replaced.keys, 'key')} that the target holds now${databases(losses.replaced.databases)}${where}.`,
    );
  }
  for (const { name: sessions, lost } of losses.classes.filter(({ sensitive }) => sensitive)) {
    if (lost && lost.atMost > 0)
      lines.push(`  Of these ${formatBounds(lost)} ${sessions} that are not in the backup: so many sign in again.`);
  }
  for (const { name: sessions, atMost } of losses.revived) {
    lines.push(
      `  Sign-outs since then: whoever signed out or was revoked is signed in again (at most ${formatCount(atMost)} ${sessions}).`,
    );
  }
  return lines;
}

const databases = (all: readonly { db: number; keys: number }[]): string =>
  all.length < 2 ? '' : ` (${all.map(({ db, keys }) => `db${db}: ${formatCount(keys)}`).join(', ')})`;

/** Only classes with keys on one side; the count of today only when there is one. */
function classTable({ losses, keysInBackup, aliveNow, functionsInBackup }: RestorePlan): string[] {
  const counted = losses.classes.some(({ keysNow }) => keysNow !== undefined);
  const shown = losses.classes.filter(({ keysInBackup: keys, keysNow = 0 }) => keys > 0 || keysNow > 0);
  const rows = shown.map((one) => [
    one.name,
    formatCount(one.keysInBackup),
    formatBounds(one.aliveNow),
    ...(counted ? [one.keysNow === undefined ? '?' : formatCount(one.keysNow)] : []),
    one.whenLost,
  ]);
  const total = ['all', formatCount(keysInBackup), formatBounds(aliveNow), ...(counted ? [''] : []), ''];
  const header = ['What comes back', 'in the backup', 'alive now', ...(counted ? ['in the target'] : []), 'when lost'];
  const functions =
    functionsInBackup > 0 ? [`  and ${formatCountOf(functionsInBackup, 'function library', 'function libraries')}`] : [];
  return [...table([header, ...rows, total]), ...functions];
}

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

/** First and last column to the left, numbers between them to the right; the first row is the heading. */
function table(rows: readonly (readonly string[])[]): string[] {
  const columns = rows[0]?.length ?? 0;
  const widths = Array.from({ length: columns }, (_, i) =>
    Math.max(...rows.map((row, r) => (row[i]?.length ?? 0) + (i === 0 && r > 0 ? 2 : 0))),
  );
  return rows.map((row, r) =>
    row
      .map((cell, i) => {
        if (i === 0) return (r === 0 ? cell : `  ${cell}`).padEnd(widths[i] ?? 0);
        return i === columns - 1 ? cell : cell.padStart(widths[i] ?? 0);
      })
      .join('  ')
      .trimEnd(),
  );
}
