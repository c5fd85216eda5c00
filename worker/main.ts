import { loadConfig } from '../config/load.ts';
import { installRuntime } from './runtime.ts';
import { startWorkers } from './start.ts';

/** Runs the workers until a signal ends them. Resolves when they have come to rest. */
export async function runWorker(configFile?: string): Promise<void> {
  installRuntime();
  const workers = await startWorkers(await loadConfig(configFile));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => workers.shutdown());
  process.stderr.write(
    `${JSON.stringify({ time: new Date().toISOString(), level: 'INFO', message: 'worker is ready', queues: workers.queues })}\n`,
  );
  await workers.run();
}
