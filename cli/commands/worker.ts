import { type CommandSpec, optionOf } from '../command.ts';

/** What is still half open then, such as a connection to an address that swallows everything, keeps the process no longer. */
const LINGER_MS = 3_000;

/** `worker`: runs the Temporal worker of this machine until it is told to stop. */
export const workerCommand: CommandSpec = {
  name: 'worker',
  about: 'runs the worker of this machine, which carries out backups and restores',
  arguments: [],
  options: [
    {
      flags: '--queue <name>',
      about:
        'serve this queue alone, and steps alone: for a helper beside the files of one Redis. Default: all that a machine has',
    },
  ],
  exits: '0 when a signal has ended it. While Temporal or its namespace is not there it does not end: it tries on, and says so.',
  async run({ configFile, interrupt }, given) {
    const { runWorker } = await import('../../worker/main.ts');
    try {
      await runWorker({ configFile, interrupt, queue: optionOf(given, 'queue') });
    } finally {
      setTimeout(() => process.exit(), LINGER_MS).unref();
    }
    return undefined;
  },
};
