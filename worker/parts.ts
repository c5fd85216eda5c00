import type { FilesPart, ProtectedInstance } from '../activities/dependencies.ts';
import type { Config, PlatformConfig, ProcessConfig } from '../config/config.ts';
import { hostQueue } from '../model/operations.ts';
import type { Control } from '../platforms/platform.ts';
import { openProcessPlatform } from '../platforms/process/process-platform.ts';
import { type OwnEndpoint, ownEndpointOf } from '../redis/client/connection.ts';

/** How an instance is started and ended, and its files reached; neither for one that only the Redis protocol reaches. */
export type PlatformParts = Pick<ProtectedInstance, 'control' | 'files'>;

interface PlatformOf<P extends PlatformConfig> {
  platform: P;
  /** Where its Redis itself listens. */
  own: OwnEndpoint;
}

/** @param host - the name of this machine */
type Open<P extends PlatformConfig> = (of: PlatformOf<P>, host: string) => PlatformParts;
export type OpenParts = Open<PlatformConfig>;

/** The one place that knows which platforms there are. */
const PLATFORMS: { [T in PlatformConfig['type']]: Open<Extract<PlatformConfig, { type: T }>> } = {
  process: processParts,
  external: () => ({}),
};

export const openParts: OpenParts = (of, host) => (PLATFORMS[of.platform.type] as OpenParts)(of, host);

/** The parts of a configured instance, as seen from the machine that its configuration was read on. */
export const partsHere = (
  { worker }: Pick<Config, 'worker'>,
  { platform, redis }: { platform: PlatformConfig; redis: Parameters<typeof ownEndpointOf>[0] },
  open: OpenParts = openParts,
): PlatformParts => open({ platform, own: ownEndpointOf(redis) }, worker.host);

function processParts({ platform, own }: PlatformOf<ProcessConfig>, host: string): PlatformParts {
  const { configFile, start, pidFile, noProgressMs } = platform;
  const open = () => openProcessPlatform({ configFile, start, ...own, ...(pidFile ? { pidFile } : {}) });
  const place = { isAtHand: platform.host === host, where: `on ${platform.host}` };
  return {
    control: { queue: hostQueue(platform.host), ...place, runs: configFile, noProgressMs, open },
    files: { ...place, ...filesOfProcess(hostQueue(platform.host), open) },
  };
}

/** The files of a process are on its machine: nothing is opened, its worker is there or is waited for. */
const filesOfProcess = (queue: string, control: () => Control): Omit<FilesPart, 'isAtHand' | 'where'> => ({
  open: (layout) => ({ layout }),
  async throwawayNeeds() {
    const [program, directives] = await Promise.all([control().program(), control().loadDirectives()]);
    return { ...(program === undefined ? {} : { program }), directives };
  },
  openPlacement: async () => ({ queue, isOwn: false }),
  closePlacement: async () => undefined,
});
