import { ERRORS } from '../../model/errors.ts';
import { formatCountOf } from '../../model/format.ts';
import type { Finding } from '../check/finding.ts';
import { type CommandSpec, someShards } from '../command.ts';
import { SOME_INSTANCES } from './instance-argument.ts';

/** `check [INSTANCE]`: proves the whole configuration against the real Redis, repository and Temporal. */
export const checkCommand: CommandSpec = {
  name: 'check',
  about: 'proves the configuration against the real Redis, repository and Temporal, and says what to do',
  arguments: [SOME_INSTANCES],
  options: [
    { flags: '--instance <name>', about: 'the same as the argument' },
    { flags: '--apply', about: 'set the wanted persistence policy (CONFIG SET, CONFIG REWRITE) and register search attributes' },
  ],
  exits: '60 when anything failed; warnings alone are 0',
  async run({ config, repository, temporal, output, now }, given) {
    const loaded = await config();
    const asked = someShards(loaded, given.arguments[0] ?? (given.options.instance as string | undefined));
    const { runChecks } = await import('../check/run.ts');
    const apply = given.options.apply === true;
    const found: Finding[] = [];
    for await (const finding of runChecks({ config: loaded, repository, temporal, now, apply }, asked)) found.push(finding);
    const counts = countsOf(found);
    output.result({ ...counts, findings: found }, checkText(found));
    return counts.failed > 0 ? ERRORS.CHECK_FAILED.exit : undefined;
  },
};

const countsOf = (found: readonly Finding[]) => {
  const count = (level: Finding['level']) => found.filter((one) => one.level === level).length;
  return { ok: count('ok'), warnings: count('warning'), failed: count('failed') };
};

/** One line a finding; what to do stands below what is not well. */
export function checkText(found: readonly Finding[]): string {
  const lines = found.flatMap(({ level, check, instance, message, next }) => [
    `${level.padEnd('warning'.length)}  ${instance ? `${instance} ` : ''}${check}: ${message}`,
    ...(next ? [`         next: ${next}`] : []),
  ]);
  const { ok, warnings, failed } = countsOf(found);
  return [...lines, `${ok} ok, ${formatCountOf(warnings, 'warning')}, ${failed} failed`].join('\n');
}
