import { loadConfig } from '../config/load.ts';
import { resolveStore } from '../config/resolve.ts';
import type { CommandContext } from './command.ts';

/** The world of one call. What a command asks for is opened once, and closed at the end. */
export function openContext(
  given: Pick<CommandContext, 'output' | 'interrupt' | 'ask' | 'now' | 'configFile'> & Partial<Pick<CommandContext, 'config'>>,
): CommandContext & { close(): Promise<void> } {
  const closers: (() => unknown)[] = [];
  const config = once(given.config ?? (() => loadConfig(given.configFile)));
  return {
    ...given,
    config,
    // Imported when needed: the clients of Temporal, and of some stores, take longer to load than `list` takes.
    repository: once(async () => {
      const { openRepository } = await import('../repository/repository.ts');
      const opened = await openRepository(await resolveStore(await config()));
      closers.push(() => opened.close());
      return opened;
    }),
    temporal: once(async () => {
      const { openTemporal } = await import('./temporal.ts');
      const session = await openTemporal(await config());
      closers.push(() => session.close());
      return session;
    }),
    async close() {
      for (const close of closers.reverse()) await close();
    },
  };
}

function once<T>(open: () => Promise<T>): () => Promise<T> {
  let opened: Promise<T> | undefined;
  return () => {
    opened ??= open();
    return opened;
  };
}
