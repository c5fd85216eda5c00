import type { FilesPart, ProtectedInstance } from '../activities/dependencies.ts';
import type { Config, KubernetesConfig, PlatformConfig, ProcessConfig } from '../config/config.ts';
import { clusterQueue, hostQueue } from '../model/operations.ts';
import { isReachable } from '../platforms/kubernetes/access.ts';
import { openClaimFiles } from '../platforms/kubernetes/claim-files.ts';
import { openKubernetesPlatform } from '../platforms/kubernetes/kubernetes-platform.ts';
import type { Control } from '../platforms/platform.ts';
import { openProcessPlatform } from '../platforms/process/process-platform.ts';
import { type OwnEndpoint, ownEndpointOf, type RedisConnection } from '../redis/client/connection.ts';

/** How an instance is started and ended, and its files reached; neither for one that only the Redis protocol reaches. */
export type PlatformParts = Pick<ProtectedInstance, 'control' | 'files'>;

interface PlatformOf<P extends PlatformConfig> {
  platform: P;
  /** Where its Redis itself listens. */
  own: OwnEndpoint;
  /** Where the instance is reached. */
  address?: { host: string; port: number };
}

/** @param host - the name of this machine */
type Open<P extends PlatformConfig> = (of: PlatformOf<P>, host: string) => PlatformParts;
export type OpenParts = Open<PlatformConfig>;

/** The one place that knows which platforms there are. */
const PLATFORMS: { [T in PlatformConfig['type']]: Open<Extract<PlatformConfig, { type: T }>> } = {
  process: processParts,
  kubernetes: kubernetesParts,
  external: () => ({}),
};

export const openParts: OpenParts = (of, host) => (PLATFORMS[of.platform.type] as OpenParts)(of, host);

/** The parts of a configured instance, as seen from the machine that its configuration was read on. */
export const partsHere = (
  { worker }: Pick<Config, 'worker'>,
  { platform, redis }: { platform: PlatformConfig; redis: Pick<RedisConnection, 'host' | 'port' | 'own' | 'socketPath'> },
  open: OpenParts = openParts,
): PlatformParts => open({ platform, own: ownEndpointOf(redis), address: { host: redis.host, port: redis.port } }, worker.host);

/** The queues that a worker polls for what it is near to, or may act on: that of its machine is the first. */
export function queuesHere(config: Config, open: OpenParts = openParts): [string, ...string[]] {
  const own = hostQueue(config.worker.host);
  const shards = Object.values(config.instances).flatMap(({ shards }) => shards);
  const reached = shards.flatMap((shard) => {
    const { control } = partsHere(config, shard, open);
    return control?.isAtHand ? [control.queue] : [];
  });
  return [own, ...new Set(reached.filter((queue) => queue !== own))];
}

function processParts({ platform, own }: PlatformOf<ProcessConfig>, host: string): PlatformParts {
  const { configFile, start, pidFile, noProgressMs } = platform;
  const open = () => openProcessPlatform({ configFile, start, ...own, ...(pidFile ? { pidFile } : {}) });
  const place = { isAtHand: platform.host === host, where: `on ${platform.host}` };
  return {
    control: { queue: hostQueue(platform.host), ...place, runs: configFile, noProgressMs, open },
    files: { ...place, ...filesOfProcess(hostQueue(platform.host), open) },
  };
}

/** Any worker that finds a cluster asks it; its files are reached by a helper on its claim, which has no such rights. */
function kubernetesParts({ platform, address }: PlatformOf<KubernetesConfig>): PlatformParts {
  const { namespace, statefulSet, container, kubeconfig, context, helper, noProgressMs } = platform;
  const access = { ...(kubeconfig ? { kubeconfig } : {}), ...(context ? { context } : {}) };
  const config = { namespace, statefulSet, access, ...(container ? { container } : {}), ...(address ? { address } : {}) };
  return {
    control: {
      queue: clusterQueue(namespace),
      isAtHand: isReachable(access),
      where: `in namespace ${namespace} of its cluster`,
      runs: `${namespace}/${statefulSet}`,
      noProgressMs,
      open: () => openKubernetesPlatform(config),
    },
    files: { where: `on the claim of ${statefulSet} in namespace ${namespace}`, ...openClaimFiles(config, helper) },
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
