import { FAILURE_CLASSES } from '../../model/recovery/failure-classes.ts';

const NOTHING = '–';

/** The table of docs/recovery.md, from the table of failures. */
export function failureTable(): string {
  const rows = Object.entries(FAILURE_CLASSES).map(([name, { title, restartHelps, ...row }]) => {
    const [byItself, asked, you] = [row.byItself, row.asked, row.you].map((text) => text ?? NOTHING);
    return `| \`${name}\` | ${title} | ${restartHelps ? 'yes' : 'no'} | ${byItself} | ${asked} | ${you} |`;
  });
  return [
    '| class | what it is | a restart helps | done by itself | asked first | what is left to you |',
    '|---|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}
