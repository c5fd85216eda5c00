import { formatBounds, formatCount, formatCountOf, formatDuration, formatTime } from '../../format.ts';
import { undoOf } from './commands.ts';
import { tookText, whenOf } from './loss.ts';
import type { OutcomeRow } from './planned.ts';
import type { PlannedMoment, RestorePlan } from './types.ts';

/** Where the log that is replayed takes much away, and how each is undone. */
export function momentSection(plan: RestorePlan): string[] {
  const { moments, moreMoments, rehearsal, log } = plan;
  if (moments.length === 0) return [];
  const title = `Destructive moments in the log that is replayed: ${formatCount(moments.length + moreMoments)}`;
  return [
    rehearsal?.done ? title : `${title} (not rehearsed: what each takes is not known)`,
    ...moments.flatMap((moment) => [`  ${momentText(moment)}`, `    undone by: ${undoOf(plan, moment).replaceAll('`', '')}`]),
    ...(moreMoments > 0
      ? [
          `  and ${formatCount(moreMoments)} more${rehearsal?.done ? ' that took less or were not counted' : ''}: \`redis-backup find-destructive ${plan.name}\` lists them`,
        ]
      : []),
    ...(rehearsal?.done && log?.ranges.length
      ? [
          `  those that took less than a tenth of the keys, and less than 1,000, are not among them: \`redis-backup find-destructive ${plan.name}\` lists them from 100 keys on`,
        ]
      : []),
  ];
}

const momentText = (moment: PlannedMoment): string => {
  const named = moment.named === undefined ? '' : ` of ${formatCountOf(moment.named, 'key')}`;
  return `${whenOf(moment)}  ${moment.command}${named} in database ${moment.db}${tookText(moment)}${wroteText(moment)}`;
};

const wroteText = ({ wrote = 0 }: PlannedMoment): string => (wrote > 0 ? `, and wrote ${formatCountOf(wrote, 'other')}` : '');

/** Said first where a log was not tried: all that follows is then less sure than it looks. */
export const untriedSection = ({ outcome }: RestorePlan): string[] =>
  outcome.known === 'estimate'
    ? [
        `Not rehearsed: ${outcome.why}.`,
        '  What is there after this restore is an estimate: the log adds and removes what nobody has counted.',
      ]
    : [];

export function lossSection({ losses, outcome, safetySnapshot, layout, live }: RestorePlan): string[] {
  const lines = [
    'What is lost',
    `  Every write since ${formatTime(losses.writes.fromMs, 'seconds')}, ${formatDuration(losses.writes.seconds * 1000)} ago.`,
  ];
  const kept = `files are kept aside in ${layout.dir}`;
  if (losses.replaced === undefined) lines.push(`  What the target holds now, which could not be counted; its ${kept}.`);
  else if (losses.replaced.keys === 0) lines.push('  Nothing of what the target holds now: it has no keys.');
  else {
    const snapshot = safetySnapshot.taken ? ', and a safety snapshot is taken first' : '';
    const where = live ? (safetySnapshot.taken ? '; a safety snapshot is taken first' : '') : `; their ${kept}${snapshot}`;
    const are = losses.replaced.keys === 1 ? 'is' : 'are';
    lines.push(
      `  ${formatCountOf(losses.replaced.keys, 'key')} that the target holds now ${are} replaced by what comes out${where}.`,
    );
  }
  lines.push(...signInLines(outcome));
  for (const { name: sessions, atMost } of losses.revived) {
    lines.push(
      `  Sign-outs since then: whoever signed out or was revoked is signed in again (at most ${formatCount(atMost)} ${sessions}).`,
    );
  }
  return lines;
}

/** Where as many come out as are there now, nobody has compared whether they are the same. */
function signInLines({ classes, known }: RestorePlan['outcome']): string[] {
  const sensitive = classes.filter((one) => one.sensitive && (one.inRedisNow ?? 0) > 0);
  const lines = sensitive.flatMap(({ name, lost, inRedisNow = 0, afterRestore }) => {
    if (!lost || !afterRestore || afterRestore.atLeast >= inRedisNow) return [];
    return lost.atLeast > 0
      ? [`  Of these at least ${formatCount(lost.atLeast)} ${name} do not come back: so many sign in again.`]
      : [`  At most ${formatCount(inRedisNow - afterRestore.atLeast)} fewer ${name} come out: so many sign in again.`];
  });
  const untold =
    known === 'estimate' && sensitive.length > 0 ? ['  How many must sign in again is not known: nobody has tried the log.'] : [];
  const isTold = known === 'estimate' ? sensitive.length > 0 : sensitive.some(({ lost }) => lost);
  const since = isTold ? ['  Sign-ins since then: whoever signed in anew signs in once more.'] : [];
  return [...lines, ...untold, ...since];
}

/** By class, and by database where there are several: in the backup, now, afterwards. Rows without any key are left out. */
export function outcomeTables(plan: RestorePlan): string[] {
  const { outcome } = plan;
  const after = `after this restore${outcome.known === 'estimate' ? ' (estimate)' : ''}`;
  const columns = ['in the backup', 'in Redis now', after];
  const cells = (row: OutcomeRow): string[] => [
    row.name,
    formatCount(row.inBackup),
    row.inRedisNow === undefined ? 'unknown' : formatCount(row.inRedisNow),
    afterText(row, plan),
  ];
  const shown = <T extends OutcomeRow>(rows: readonly T[]): T[] =>
    rows.filter((row) => row.inBackup > 0 || (row.inRedisNow ?? 0) > 0 || (row.afterRestore?.atMost ?? 0) > 0);
  const classes = shown(outcome.classes).map((one) => [...cells(one), one.whenLost]);
  const byDatabase = shown(outcome.databases);
  const isLessExact = isExact(outcome.all) && !byDatabase.every(isExact); // and would contradict the classes
  const databases = isLessExact ? [] : byDatabase.map(cells);
  return [
    ...table([['By data class', ...columns, 'when lost'], ...classes, [...cells(outcome.all), '']]),
    ...functionsLine(plan),
    ...(databases.length > 1 ? ['', ...table([['By database', ...columns, ''], ...databases.map((one) => [...one, ''])])] : []),
    ...triedLine(plan),
  ];
}

const isExact = ({ afterRestore }: OutcomeRow): boolean => afterRestore?.atLeast === afterRestore?.atMost;

const afterText = ({ afterRestore }: OutcomeRow, { outcome }: RestorePlan): string => {
  if (!afterRestore) return 'unknown';
  return outcome.known === 'estimate' ? `about ${formatCount(afterRestore.atMost)}` : formatBounds(afterRestore);
};

function functionsLine({ rehearsal, functionsInBackup }: RestorePlan): string[] {
  const functions = rehearsal?.done ? rehearsal.functions : functionsInBackup;
  const libraries = formatCountOf(functions, 'function library', 'function libraries');
  if (functions < functionsInBackup)
    return [`  and ${libraries}: the backup has ${functionsInBackup}, and the log takes them away`];
  return functions > 0 ? [`  and ${libraries}`] : [];
}

function triedLine({ rehearsal, name: instance, target }: RestorePlan): string[] {
  if (!rehearsal?.done) return [];
  const { product, version, sameAsTarget } = rehearsal.server;
  const other = sameAsTarget ? `, as ${instance} runs` : `, which is not what ${target} runs`;
  return [
    `  Counted after backup and log were loaded into a throw-away ${product} ${version}${other}: keys alive at ${formatTime(rehearsal.countedAtMs, 'seconds')}.`,
  ];
}

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
