import { settingsOf } from '../conf-settings.ts';
import type { Control } from '../platform.ts';
import { layoutOf, type RedisConf } from '../redis-conf.ts';
import { readContainerConf } from './container-conf.ts';
import { killPod, stopPod, untilExited } from './end-pod.ts';
import { identify } from './identify.ts';
import { otherStart } from './other-start.ts';
import { statusOf } from './pod.ts';
import { logsOf } from './pod-log.ts';
import { type KubernetesPlatformConfig, podRedis } from './pod-redis.ts';
import { startPod } from './start-pod.ts';
import { startUserOf } from './start-user.ts';
import { memoryKillOf, memoryOf, traceOf } from './trace.ts';

/** Redis as the pod of a StatefulSet. See Control for what each step promises. */
export function openKubernetesPlatform(config: KubernetesPlatformConfig): Control {
  const redis = podRedis(config);
  const conf = async (): Promise<RedisConf> => {
    const { cluster, workload, container } = await redis.look();
    return (await readContainerConf(cluster, workload, container)).conf;
  };
  return {
    description: redis.description,
    restartsByItself: true,
    async status() {
      const { pod, container } = await redis.look();
      return statusOf(pod, container.name);
    },
    startUser: async () => startUserOf(await redis.look()),
    start: (signal) => startPod(redis, signal),
    stop: (signal, withinMs) => stopPod(redis, withinMs, signal),
    kill: (identity, signal) => killPod(redis, identity, signal),
    exited: (signal) => untilExited(redis, signal),
    async logs(lines) {
      const { cluster, pod, container } = await redis.look();
      return logsOf(cluster, pod, container.name, lines);
    },
    dataLayout: async () => layoutOf(await conf()),
    databases: async () => (await conf()).databases,
    renamedCommands: async () => (await conf()).renamed,
    async confKnowledge() {
      const read = await conf();
      const commands = Object.fromEntries(Object.entries(read.renamed).map(([real, { name }]) => [real, name]));
      return { commands, settings: settingsOf(read) };
    },
    proveStart: async () => ({ outcome: 'unknown', why: 'a start cannot be tried beside a pod' }),
    otherStart: (said) => otherStart(redis, said),
    loadDirectives: async () => (await conf()).loadDirectives,
    trace: () => traceOf(redis),
    memoryKill: async () => memoryKillOf(await redis.look()),
    async memory() {
      const look = await redis.look();
      return memoryOf(look.pod, look);
    },
    program: async () => undefined, // it is in its image
    // A ConfigMap is mounted read-only, and any other file is made anew with the pod: CONFIG REWRITE changes nothing that stays.
    keepConf: async () => ({ takeBack: async () => undefined, putAccessBack: async () => undefined }),
    identify: (said) => identify(redis, said),
  };
}
