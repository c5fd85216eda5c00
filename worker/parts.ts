import type { FilesPart, ProtectedInstance } from '../activities/world.ts';
import type { PlatformConfig, ProcessConfig } from '../config/config.ts';
import { hostQueue } from '../model/operations.ts';
import type { Control } from '../platforms/platform.ts';
import { openProcessPlatform } from '../platforms/process/process-platform.ts';
import type { OwnEndpoint } from '../redis/client/connection.ts';

/** How an instance is started and ended, and its files reached; neither for one that only the Redis protocol reaches. */
export type PlatformParts = Pick<ProtectedInstance, 'control' | 'files'>;

/**
 * @param of - the platform, and where its Redis itself listens
 * @param host - the name of this machine
 */
export type OpenParts = (of: { platform: PlatformConfig; own: OwnEndpoint }, host: string) => PlatformParts;

/** The one place that knows which platforms there are. */
export const openParts: OpenParts = ({ platform, own }, host) =>
  platform.type === 'process' ? processParts(platform, own, host) : {};

function processParts(platform: ProcessConfig, own: OwnEndpoint, host: string): PlatformParts {
  const { configFile, start, pidFile, noProgressMs } = platform;
  const open = () => openProcessPlatform({ configFile, start, ...own, ...(pidFile ? { pidFile } : {}) });
  const isAtHand = platform.host === host;
  return {
    control: { queue: hostQueue(platform.host), isAtHand, noProgressMs, open },
    files: { isAtHand, ...filesOfProcess(hostQueue(platform.host), open) },
  };
}

/** The files of a process are on its machine: nothing is opened, its worker is there or is waited for. */
const filesOfProcess = (queue: string, control: () => Control): Omit<FilesPart, 'isAtHand'> => ({
  open: (layout) => ({ layout }),
  async throwAway() {
    const [program, directives] = await Promise.all([control().program(), control().loadDirectives()]);
    return { ...(program === undefined ? {} : { program }), directives };
  },
  openPlacement: async () => ({ queue, isOwn: false }),
  closePlacement: async () => undefined,
});
