import type { Config } from '../../config/config.ts';
import { instanceNames } from '../../config/load.ts';
import { suggest } from '../../config/suggest.ts';
import { RecoveryError } from '../../model/errors.ts';
import { formatCountOf, formatList } from '../../model/format.ts';
import { isName } from '../../model/instance.ts';
import { catalogOf } from '../catalog.ts';
import type { CommandContext, CommandSpec } from '../command.ts';
import type { Keeper, StoppedKeeper } from '../remove/keepers.ts';

/** `remove INSTANCE`: ends what goes on for ever for an instance, configured or not. Its backups stay. */
export const removeCommand: CommandSpec = {
  name: 'remove',
  about:
    'ends the schedule, the archiver and the watcher of an instance, also of one that is no longer configured; its backups stay',
  arguments: [{ name: 'INSTANCE', about: 'which Redis, by the name that it has or had in the configuration', required: true }],
  options: [
    { flags: '--dry-run', about: 'only say what would end, and what stays' },
    { flags: '--yes', about: 'do not ask' },
  ],
  exits: '2 for a name that nothing knows, 52 when the answer is no',
  async run(context, given) {
    const { config, temporal, output } = context;
    const instance = given.arguments[0] ?? '';
    if (!isName(instance)) throw noName(instance);
    const loaded = await config();
    const configured = instanceNames(loaded).includes(instance);
    const session = await temporal();
    const { hasEverRun, keepersOf, operationsOf, requireNobodyElses, stopKeeper } = await import('../remove/keepers.ts');
    await requireNobodyElses(session, instance);
    const keepers = await keepersOf(session, instance);
    const running = await operationsOf(session, instance);
    const { stays, isNothing } = await staysOf(context, instance);
    if (!configured && isNothing && keepers.length === 0 && !(await hasEverRun(session, instance)))
      throw unknown(loaded, instance);
    const facts: Facts = { instance, running, stays, ...(configured ? { configuredIn: loaded.origin.file } : {}) };
    if (given.options.dryRun === true || keepers.length === 0) {
      output.result({ outcome: 'planned', ...facts, keepers }, plannedText(facts, keepers));
      return undefined;
    }
    if (given.options.yes !== true) await askFor(context, facts, keepers);
    const stopped: StoppedKeeper[] = [];
    for (const keeper of keepers) stopped.push(await stopKeeper(session, keeper));
    output.result({ outcome: 'removed', ...facts, stopped }, removedText(facts, stopped, session.commandLine));
    return undefined;
  },
};

interface Facts {
  instance: string;
  /** Operations that go on. */
  running: string[];
  /** What nobody removes, in words. */
  stays: string;
  /** Absent: no configuration has it. */
  configuredIn?: string;
}

/** What the repository has of it. A repository that cannot be read hinders nothing. */
async function staysOf({ repository, now }: CommandContext, instance: string): Promise<{ stays: string; isNothing: boolean }> {
  try {
    const opened = await repository();
    const { backups, logs, problems, archive } = await catalogOf(opened, { instance }, now());
    const log = archive.length > 0 ? ', and the continuous log' : '';
    const stays = `${formatCountOf(backups.length + logs.length, 'backup')}${log} in ${opened.url}, which no retention touches any more`;
    return { stays, isNothing: [backups, logs, problems, archive].every(({ length }) => length === 0) };
  } catch (error) {
    if (!(error instanceof RecoveryError)) throw error;
    return { stays: `what the repository has, which could not be read (${error.code}: ${error.message})`, isNothing: false };
  }
}

/** @throws RecoveryError `USAGE` where nobody can be asked, `CANCELLED` */
async function askFor({ ask, output }: CommandContext, facts: Facts, keepers: readonly Keeper[]): Promise<void> {
  const { instance } = facts;
  if (!ask) {
    throw new RecoveryError('USAGE', `nobody is there to be asked whether ${instance} is to be removed`, {
      next: `Look at \`redis-backup remove ${instance} --dry-run\`, then run it with --yes.`,
    });
  }
  output.note(plannedText(facts, keepers));
  if ((await ask(`Type ${instance} to end this: `)).trim() === instance) return;
  throw new RecoveryError('CANCELLED', `nothing was ended: the answer was not "${instance}"`, {
    next: `Run the command again and type ${instance}, or use --yes.`,
  });
}

const WORDS: Record<Keeper['kind'], string> = {
  schedule: 'no backups are taken any more',
  archive: 'nothing is archived any more',
  watcher: 'nobody notices an outage any more',
};

function plannedText(facts: Facts, keepers: readonly Keeper[]): string {
  const { instance } = facts;
  if (keepers.length === 0)
    return [`nothing goes on for ${instance}: no schedule, no archiver, no watcher`, ...rest(facts)].join('\n');
  return [
    `remove ${instance}:`,
    ...keepers.map((one) => `  ends: ${one.id}${one.for ? ` (${one.for})` : ''}: ${WORDS[one.kind]}`),
    ...rest(facts),
  ].join('\n');
}

function removedText(facts: Facts, stopped: readonly StoppedKeeper[], commandLine: (command: string) => string): string {
  const lines = stopped.map(({ id, state }) =>
    state === 'ended'
      ? `  ended: ${id}`
      : `  ends as soon as a worker answers: ${id}; without one: ${commandLine(`workflow terminate --workflow-id ${id} --reason removed`)}`,
  );
  return [`removed ${facts.instance}:`, ...lines, ...rest(facts)].join('\n');
}

function rest({ instance, running, stays, configuredIn }: Facts): string[] {
  return [
    ...(running.length > 0 ? [`  goes on to its end: ${formatList(running)}`] : []),
    `  stays: ${stays}`,
    ...(configuredIn
      ? [
          `  take instances.${instance} out of ${configuredIn}: \`redis-backup check --apply\` and \`redis-backup schedules\` would start it anew`,
        ]
      : []),
  ];
}

/** A slip of the keyboard: what was meant would go on. */
function unknown(config: Config, instance: string): RecoveryError {
  const names = instanceNames(config);
  const meant = suggest(instance, names);
  const message = `there is no instance "${instance}" and was none: not in ${config.origin.file}, nor anything of it in Temporal or in the repository`;
  return new RecoveryError('USAGE', message, {
    next: `${meant ? `Did you mean "${meant}"? ` : ''}Configured are: ${names.join(', ')}; what goes on for others, \`redis-backup check\` names.`,
  });
}

const noName = (instance: string): RecoveryError =>
  new RecoveryError('INPUT_INVALID', `"${instance}" is no name of an instance`, {
    next: 'Give the name that it has, or had, below `instances:` in redis-backup.yaml.',
  });
