import { ERRORS, RecoveryError } from '../../model/errors.ts';
import type { RecoveryInput } from '../../model/recovery/recovery.ts';
import { askedFor } from '../../model/shard.ts';
import { type CommandSpec, type Given, oneShard, optionOf } from '../command.ts';
import { loginName } from '../who.ts';
import { ONE_INSTANCE } from './instance-argument.ts';

const SETTINGS = { onDamage: ['serve-empty', 'ask'], restore: ['never', 'ask', 'auto'] } as const;

/** `recover [INSTANCE]`: starts the runbook or joins it, and shows it. Ctrl-C detaches; the recovery goes on. */
export const recoverCommand: CommandSpec = {
  name: 'recover',
  about: 'brings a Redis back, availability first: starts the runbook or joins the one that runs, and shows it',
  arguments: [ONE_INSTANCE],
  options: [
    { flags: '--watch', about: 'start none: only show the one that runs' },
    { flags: '--dry-run', about: 'only say what is wrong and what would be done' },
    { flags: '--on-damage <what>', about: '`serve-empty` or `ask`, in place of what the configuration says' },
    { flags: '--restore <when>', about: '`never`, `ask` or `auto`, in place of what the configuration says' },
    { flags: '--approve <plan>', about: 'answer the question of the page with yes' },
    { flags: '--decline <plan>', about: 'answer it with no' },
    { flags: '--hold <reason>', about: 'stop doing, keep watching' },
    { flags: '--resume <reason>', about: 'go on after --hold' },
    { flags: '--skip <step>', about: 'leave a step out, such as `warmup`' },
    { flags: '--extend <minutes>', about: 'watch sign-ins and hit rate longer' },
    { flags: '--abort <reason>', about: 'end it: what has begun has 3 s to finish, what can be put back is' },
    { flags: '--by <name>', about: 'who you are, for the report; your login name when left out' },
  ],
  withoutTemporal:
    'Nobody recovers without it, but Redis starts without it: read its log, copy its data directory where that speaks of damage, and start it as its machine does, such as `systemctl start redis-server`.',
  exits: `${ERRORS.NOT_RECOVERED.exit} when the runbook ends and Redis needs a person, ${ERRORS.MERGE_INCOMPLETE.exit} when Redis serves and lost keys are not back, ${ERRORS.CANCELLED.exit} when it was aborted, ${ERRORS.PLACE_UNREACHABLE.exit} when no worker answers for it, and it stays started; 130 on Ctrl-C, and it goes on`,
  async run(context, given) {
    const redis = oneShard(await context.config(), given.arguments[0], 'recover');
    const by = optionOf(given, 'by') ?? loginName();
    const { controlRecovery, controlMessageOf } = await import('../recover/control.ts');
    const control = controlMessageOf(given, by);
    if (control) return controlRecovery(context, redis, control);
    const { runRecovery, watchRecovery } = await import('../recover/run.ts');
    if (given.options.watch === true) return watchRecovery(context, redis, by);
    const input: RecoveryInput = {
      ...askedFor(redis),
      by,
      ...(given.options.dryRun === true ? { dryRun: true } : {}),
      ...settingsOf(given),
    };
    return runRecovery(context, redis, input);
  },
};

/** @throws RecoveryError `USAGE` */
function settingsOf(given: Given): Pick<RecoveryInput, 'onDamage' | 'restore'> {
  const found: Record<string, string> = {};
  for (const [name, allowed] of Object.entries(SETTINGS)) {
    const value = optionOf(given, name);
    if (value === undefined) continue;
    if (!(allowed as readonly string[]).includes(value)) {
      throw new RecoveryError('USAGE', `--${name === 'onDamage' ? 'on-damage' : name} is "${value}"`, {
        next: `Use ${allowed.join(' or ')}.`,
      });
    }
    found[name] = value;
  }
  return found;
}
