import { RecoveryError } from '../../model/errors.ts';
import { isBackupId } from '../../model/instance.ts';
import { type CommandContext, type CommandSpec, type Given, LATEST, oneShard, optionOf } from '../command.ts';
import { withNamesHere } from '../connection.ts';
import { OR_A_PLACE, typedMoment } from '../typed-time.ts';
import { whoseBackups } from '../whose.ts';
import { ONE_INSTANCE } from './instance-argument.ts';

/** `clone [INSTANCE]`: a Redis to look into, with the data as it was. From the repository alone; changes nothing. */
export const cloneCommand: CommandSpec = {
  name: 'clone',
  about: 'starts a throw-away Redis on this machine that holds the data as it was at a moment, to look into',
  arguments: [ONE_INSTANCE],
  options: [
    {
      flags: '--at <moment>',
      about:
        '`latest`, the default; a time such as `10m ago` or `2026-08-01 10:42:07`; an offset as `find-destructive` prints it; or a backup id, for that backup alone; that of a copied log brings the copy whole',
    },
    { flags: '--port <port>', about: 'where it listens, on 127.0.0.1; default: a free one' },
    { flags: '--keep-ttls', about: 'leave times to live as they were; else keys live as long as they had left then' },
    { flags: '--no-password', about: 'everybody on this machine may look into it' },
    { flags: '--directory <directory>', about: 'empty or new, for its data; default: one of its own for temporary files' },
    { flags: '--redis-server <file>', about: 'absolute path of the server to start; default: the first on PATH' },
    { flags: '--foreground', about: 'keep it until Ctrl-C, and no longer' },
    { flags: '--stop [directory]', about: 'end the clone of that directory, or of --port, and remove all of it' },
  ],
  exits: '52 on Ctrl-C while it loads; nothing is left then',
  async run(context, given) {
    const port = portOf(given);
    if (given.options.stop !== undefined) {
      await stop(context, optionOf(given, 'stop'), port);
      return undefined;
    }
    const config = await context.config();
    const settings = oneShard(config, given.arguments[0], 'clone');
    const instance = settings.name;
    const { makeClone } = await import('../clone/make.ts');
    const [directory, binary] = [optionOf(given, 'directory'), optionOf(given, 'redisServer')];
    const whose = await whoseBackups(config, await context.repository(), settings.instance);
    const options = {
      whose,
      instance: await withNamesHere(config, settings),
      at: momentOfClone(context, given),
      keepTtls: given.options.keepTtls === true,
      withPassword: given.options.password !== false,
      foreground: given.options.foreground === true,
      ...(port === undefined ? {} : { port }),
      ...(directory === undefined ? {} : { directory }),
      ...(binary === undefined ? {} : { binary }),
    };
    await untilEnded(context.interrupt, instance, async (interrupt) =>
      makeClone(options, { repository: await context.repository(), output: context.output, now: context.now, interrupt }),
    );
    return undefined;
  },
};

/** A backup id is that backup alone, and no time. @throws RecoveryError `INPUT_INVALID` */
function momentOfClone(context: CommandContext, given: Given): string {
  const at = optionOf(given, 'at') ?? LATEST;
  return isBackupId(at) ? at : typedMoment(at, '--at', context, `${OR_A_PLACE}, or a backup id`);
}

async function untilEnded(
  interrupt: AbortSignal,
  instance: string,
  body: (interrupt: AbortSignal) => Promise<void>,
): Promise<void> {
  try {
    await body(interrupt);
  } catch (error) {
    throw interrupt.aborted ? interrupted(instance, error) : error;
  }
}

const interrupted = (instance: string, cause: unknown): RecoveryError =>
  new RecoveryError('CANCELLED', `the clone of ${instance} was interrupted, and nothing of it is left`, {
    next: 'Run the command again.',
    cause,
  });

async function stop({ output }: CommandContext, directory: string | undefined, port: number | undefined): Promise<void> {
  if (directory === undefined && port === undefined) {
    throw new RecoveryError('USAGE', '--stop has neither a directory nor a port', {
      next: 'Run `redis-backup clone --stop DIRECTORY`, or `redis-backup clone --stop --port PORT`.',
    });
  }
  const { stopClone } = await import('../clone/stop.ts');
  const stopped = await stopClone({ directory, port });
  const { pid, port: stoppedPort, directory: removed } = stopped;
  const text = pid === undefined ? `no Redis ran there yet; removed ${removed}` : `stopped, and removed ${removed}`;
  output.result({ outcome: 'stopped', pid, port: stoppedPort, directory: removed }, text);
}

/** @throws RecoveryError `USAGE` */
function portOf(given: Given): number | undefined {
  const text = optionOf(given, 'port');
  if (text === undefined) return undefined;
  const port = Number(text);
  if (/^\d+$/.test(text) && port >= 1 && port <= 65_535) return port;
  throw new RecoveryError('USAGE', `--port is "${text}", which is no port`, { next: 'Give a number from 1 to 65535.' });
}
