import type { CommandSpec } from '../command.ts';

/** `worker`: runs the Temporal worker of this machine until it is told to stop. */
export const worker: CommandSpec = {
  name: 'worker',
  about: 'runs the worker of this machine, which carries out backups and restores',
  arguments: [],
  options: [],
  async run({ configFile }) {
    const { runWorker } = await import('../../worker/main.ts');
    await runWorker(configFile);
    return undefined;
  },
};
