import { Command, CommanderError } from 'commander';
import type { Config } from '../config/config.ts';
import { messageOf, RecoveryError } from '../model/errors.ts';
import type { CommandContext, CommandSpec, Given, OptionSpec } from './command.ts';
import { COMMANDS } from './commands/index.ts';
import { openContext } from './context.ts';
import { jsonOutput } from './output/json.ts';
import type { Streams } from './output/output.ts';
import { textOutput } from './output/text.ts';
import { completing, withConfig } from './output/with-config.ts';
import { softwareVersion } from './software-version.ts';

/** What surrounds a call of the command; tests hand in their own. */
export interface Surroundings {
  streams: Streams;
  interrupt: AbortSignal;
  /** Absent: nobody can be asked. */
  ask?: (question: string, over?: AbortSignal) => Promise<string>;
  now?: () => number;
  /** In place of the configuration file. */
  config?: () => Promise<Config>;
}

export const ABOUT = 'Keeps a Redis recoverable and brings it back.';

export const GLOBAL_OPTIONS: readonly OptionSpec[] = [
  {
    flags: '--config <file>',
    about: 'configuration file; else $REDIS_BACKUP_CONFIG, ./redis-backup.yaml, /etc/redis-backup/redis-backup.yaml',
  },
  { flags: '--json', about: 'print JSON, one object a line; the last line is the result' },
];

/** Runs one call of `redis-backup` and returns its exit code. Never throws. */
export async function main(args: readonly string[], surroundings: Surroundings): Promise<number> {
  const { streams, now = Date.now } = surroundings;
  // Asked before parsing: a call that cannot be parsed must fail in the right language.
  let output = args.includes('--json') ? jsonOutput(streams, now) : textOutput(streams, now);
  let exitCode = 0;
  const program = buildProgram(streams, async (spec, given) => {
    const configFile = given.options.config as string | undefined;
    const printed = configFile === undefined ? undefined : { configFile, names: COMMANDS.map(({ name }) => name) };
    if (printed) output = withConfig(output, printed);
    const asked = printed && surroundings.ask ? { ask: askingWith(surroundings.ask, completing(printed)) } : {};
    const context = openContext({ ...surroundings, ...asked, now, output, configFile });
    try {
      exitCode = (await spec.run(context, given)) ?? 0;
    } finally {
      await context.close();
    }
  });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0; // --help, --version
    const told = error instanceof CommanderError ? usageError(error, args) : withAdvice(await translated(error), args);
    // Not only where it stands as the command: `--config` without its value takes the next word.
    const own = COMMANDS.find(({ name, failure }) => failure && args.includes(name));
    return own?.failure?.(output, told, args) ?? output.failure(told);
  }
}

/** What `name` would be called of: options may stand before it, and `--config` takes the next word. */
const commandOf = (args: readonly string[]): string | undefined =>
  args.find((arg, at) => !arg.startsWith('-') && args[at - 1] !== '--config');

const askingWith =
  (ask: NonNullable<Surroundings['ask']>, complete: (text: string) => string): NonNullable<Surroundings['ask']> =>
  (question, over) =>
    ask(complete(question), over);

/** Errors of the Temporal client, which is not loaded for what else may be wrong. */
async function translated(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || error.name !== 'ServiceError') return error;
  const { errorOfTemporal } = await import('../worker/temporal-errors.ts');
  return errorOfTemporal(error);
}

/** What this command has to say when there is no Temporal. */
function withAdvice(error: unknown, args: readonly string[]): unknown {
  const advice = COMMANDS.find(({ name }) => name === commandOf(args))?.withoutTemporal;
  if (advice === undefined || !(error instanceof RecoveryError) || error.code !== 'TEMPORAL_UNREACHABLE') return error;
  return new RecoveryError(error.code, error.message, { next: `${error.next} ${advice}`, cause: error.cause });
}

type Run = (spec: CommandSpec, given: Given) => Promise<void>;

function buildProgram(streams: Streams, run: Run): Command {
  const program = new Command('redis-backup')
    .description(ABOUT)
    .version(softwareVersion(), '--version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand(false)
    .exitOverride()
    .configureOutput({ writeOut: (text) => void streams.stdout.write(text), writeErr: () => undefined });
  for (const { flags, about } of GLOBAL_OPTIONS) program.option(flags, about);
  for (const spec of COMMANDS) addCommand(program, spec, run);
  return program;
}

function addCommand(program: Command, spec: CommandSpec, run: Run): void {
  const command = program.command(spec.name).description(spec.about);
  for (const { name, about, required } of spec.arguments) command.argument(required ? `<${name}>` : `[${name}]`, about);
  for (const { flags, about } of spec.options) command.option(flags, about);
  for (const { flags, about } of GLOBAL_OPTIONS) command.option(flags, about);
  command.action(async () => {
    await run(spec, { arguments: command.args, options: command.optsWithGlobals() });
  });
}

function usageError(error: CommanderError, args: readonly string[]): RecoveryError {
  const message = messageOf(error)
    .replace(/^error: /, '')
    .replace(/\n/g, ' ');
  const command = COMMANDS.find(({ name }) => name === commandOf(args));
  const isHelp = error.code === 'commander.help';
  return new RecoveryError('USAGE', isHelp ? 'no command was given' : message, {
    next: `See \`redis-backup${command ? ` ${command.name}` : ''} --help\`.`,
  });
}

export type { CommandContext };
