import type { InstanceShard } from '../../config/config.ts';
import { RecoveryError } from '../../model/errors.ts';
import { timeOfBackupId } from '../../model/instance.ts';
import type { RestoreInput, RestoreResult } from '../../model/operations.ts';
import { askedFor } from '../../model/shard.ts';
import { type CommandContext, type CommandSpec, type Given, instanceAndBackup, optionOf } from '../command.ts';
import type { Output } from '../output/output.ts';
import { askFor, consentsOf, expectedPlan, nobodyThere, showPlan } from '../restore-consent.ts';
import { type RestoreExecutor, wrongAnswer } from '../restore-executor.ts';
import { restoreText } from '../restore-text.ts';
import { typedMoment } from '../typed-time.ts';
import { ONE_INSTANCE } from './instance-argument.ts';

/** `restore [INSTANCE] [BACKUP_ID]`: shows the plan, asks, and follows the workflow. Ctrl-C detaches; the restore goes on. */
export const restoreCommand: CommandSpec = {
  name: 'restore',
  about: 'replaces the data of a Redis by a backup: plan, safety snapshot, stop, replace, start, verify, or all put back',
  arguments: [
    ONE_INSTANCE,
    {
      name: 'BACKUP_ID',
      about:
        'as `list` shows it; `latest`, the default, is the newest, but no empty one, nor one with less than a tenth of an older one or of one of its data classes (for a week)',
    },
  ],
  options: [
    {
      flags: '--until <moment>',
      about:
        'replay the continuous log: `latest`, a time such as `10m ago` or `2026-08-01 10:42:07`, or an offset as `find-destructive` prints it',
    },
    {
      flags: '--strategy <strategy>',
      about:
        '`replace`, the default: stop, replace the files, start. `live`: no stop, reads are served all the time, writes are refused for seconds',
    },
    {
      flags: '--only <classes>',
      about:
        'replace nothing: bring only the keys of these data classes back that Redis lacks, such as sessions,permissions, while it serves; `functions` are the function libraries',
    },
    { flags: '--aof-backup <id>', about: 'restore a copy of the append-only log, as `list` shows it, whole' },
    { flags: '--plan', about: 'only say what would be done and lost' },
    { flags: '--yes', about: 'do not ask' },
    { flags: '--expect-plan <digest>', about: 'refuse unless the plan is this one, as --plan printed it' },
    {
      flags: '--accept-loss <loss>',
      about:
        'restore although much less is there afterwards: what the refusal prints, which names the loss and how many keys it costs',
    },
    {
      flags: '--no-rehearsal',
      about: 'do not try backup and log in a throw-away Redis first: what is there afterwards is then an estimate',
    },
    { flags: '--allow-unparsed', about: 'restore a backup whose keys could not all be counted, so that nobody can prove them' },
    { flags: '--from-another', about: 'restore the data of another Redis or deployment, whose backups these are' },
    {
      flags: '--into-another',
      about: 'restore into the Redis that answers, though it seems to be another one than the backups were taken from',
    },
    { flags: '--skip-safety-snapshot', about: 'take no backup of what is there now; its files are kept aside in any case' },
    { flags: '--direct', about: 'without Temporal, in this process: for when Temporal itself is down; not durable' },
  ],
  withoutTemporal: 'To restore without it, on the machine of the Redis: `redis-backup restore INSTANCE --direct`.',
  exits:
    'that of the first refusal when the plan refuses, with --plan too; 130 on Ctrl-C, and the restore goes on; 52 with --direct, when everything was put back',
  async run(context, given) {
    const { options } = given;
    const { redis, backupId, named } = instanceAndBackup(await context.config(), given, 'restore');
    const asked = askedFor(redis);
    const until = untilOf(context, given);
    const aofBackup = aofBackupOf(given, named);
    // a log finds its base by itself, and a copy of one has it
    const base = (until === undefined && aofBackup === undefined) || named ? { backupId } : {};
    const only = optionOf(given, 'only');
    if (only !== undefined) {
      const { runMerge } = await import('../merge/run.ts');
      const classes = only.split(',').map((name) => name.trim());
      const acceptLoss = optionOf(given, 'acceptLoss');
      const accepted = acceptLoss === undefined ? {} : { acceptLoss };
      const moment = until === undefined ? {} : { until };
      const into = options.intoAnother === true ? { intoAnother: true } : {};
      return runMerge(context, given, { ...asked, classes, ...base, ...moment, ...accepted, ...into });
    }
    const input: RestoreInput = {
      ...asked,
      ...askingFor(redis),
      ...base,
      ...(until === undefined ? {} : { until }),
      ...(aofBackup === undefined ? {} : { aofBackup }),
      strategy: strategyOf(given),
      ...consentsOf(given),
    };
    const expected = optionOf(given, 'expectPlan');
    const asksNobody = options.plan === true || options.yes === true;
    if (!asksNobody && !context.ask) throw nobodyThere(input);
    const runner = options.direct === true ? await directly(context) : await throughTemporal(context);
    if (options.plan === true) return showPlan(context, await expectedPlan(runner, input, expected), given);
    const approved =
      options.yes === true
        ? { ...input, ...(expected ? { plan: expected } : {}) }
        : await askFor(context, await expectedPlan(runner, input, expected), input);
    const report = await runner.restore(approved);
    context.output.result(report, restoreText(report));
    return undefined;
  },
};

const USUAL_ASK_MS = 5 * 60_000;

/** A question of a restore stands as long as one of a recovery. */
const askingFor = ({ recovery: { askForMs } }: InstanceShard): Pick<RestoreInput, 'askForMs'> =>
  askForMs === USUAL_ASK_MS ? {} : { askForMs };

/** @throws RecoveryError `USAGE` */
function strategyOf(given: Given): RestoreInput['strategy'] {
  const strategy = optionOf(given, 'strategy') ?? 'replace';
  if (strategy !== 'replace' && strategy !== 'live') {
    throw new RecoveryError('USAGE', `--strategy is "${strategy}"`, { next: 'Use `replace` or `live`.' });
  }
  if (strategy === 'live' && given.options.direct === true) {
    throw new RecoveryError(
      'USAGE',
      '--strategy live needs Temporal: a Redis that follows a process which died would follow nobody',
      {
        next: 'Leave --direct out, or use --strategy replace.',
      },
    );
  }
  return strategy;
}

/** @throws RecoveryError `INPUT_INVALID` for what is no moment, before anything is asked or started */
function untilOf(context: CommandContext, given: Given): string | undefined {
  const until = optionOf(given, 'until');
  return until === undefined ? undefined : typedMoment(until, '--until', context);
}

/** @throws RecoveryError `INPUT_INVALID`, `USAGE` */
function aofBackupOf(given: Given, isSnapshotNamed: boolean): string | undefined {
  const id = optionOf(given, 'aofBackup');
  if (id === undefined) return undefined;
  timeOfBackupId(id); // refuses what is no id, before it becomes part of a key
  if (!isSnapshotNamed && given.options.until === undefined && given.options.only === undefined) return id;
  throw new RecoveryError('USAGE', '--aof-backup names all that is restored: no other backup, moment or class goes with it', {
    next: 'Leave the others out.',
  });
}

/** Nobody may know that it goes without a worker, too. */
const namingDirect = (output: Output): Output => ({
  ...output,
  status: ({ note, ...status }) =>
    output.status({
      ...status,
      ...(note === undefined
        ? {}
        : { note: status.waits ? `${note}; without any: --direct, on the machine of the Redis` : note }),
    }),
});

async function throughTemporal({ temporal, output, interrupt }: CommandContext): Promise<RestoreExecutor> {
  const session = await temporal();
  const { startPlan, startRestore, followOperation } = await import('../operations/index.ts');
  const options = { session, output: namingDirect(output), interrupt };
  return {
    async plan(input) {
      const result = await followOperation<RestoreResult>(await startPlan(session, input), options);
      if (result.outcome === 'planned') return result;
      throw wrongAnswer(result.outcome);
    },
    async restore(input) {
      const result = await followOperation<RestoreResult>(await startRestore(session, input), options);
      if (result.outcome === 'restored') return result;
      throw wrongAnswer(result.outcome);
    },
  };
}

async function directly({ config, output, interrupt }: CommandContext): Promise<RestoreExecutor> {
  const { runDirectly } = await import('../direct.ts');
  return runDirectly(await config(), { output, interrupt });
}
