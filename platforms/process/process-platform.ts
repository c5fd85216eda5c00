import { hostname } from 'node:os';
import { settingsOf } from '../conf-settings.ts';
import { memoryKill } from '../exit-diagnostics.ts';
import type { Control, PlatformStatus } from '../platform.ts';
import { layoutOf } from '../redis-conf.ts';
import { maySignal } from './command-starter.ts';
import { exited, kill, stop } from './end-process.ts';
import { identify } from './identify.ts';
import { keepConf } from './keep-conf.ts';
import { localRedis, type ProcessPlatformConfig } from './local-redis.ts';
import { otherStart } from './other-start.ts';
import { memoryOf, processStatusOf, programOf, traceOf } from './process-facts.ts';
import { untilUp } from './start-process.ts';
import { proveStart } from './start-proof.ts';
import { besideNow } from './start-user.ts';

/** Redis as a process of this host. See Control for what each step promises. */
export function openProcessPlatform(config: ProcessPlatformConfig): Control {
  const redis = localRedis(config);
  const { starter } = redis;
  const status = async (): Promise<PlatformStatus> => {
    const found = await starter.find();
    if (!found) return { running: false };
    // A supervisor ends it for us.
    const mayNotEnd = !starter.restartsByItself && !maySignal(found.pid);
    return { ...(await processStatusOf(found)), ...(mayNotEnd ? { mayNotEnd } : {}) };
  };
  return {
    description: `${starter.description} on host ${hostname()}`,
    restartsByItself: starter.restartsByItself,
    status,
    startUser: async () => besideNow((await starter.startUser()).user, (await starter.find())?.pid),
    start: async (signal) => {
      const running = await starter.find();
      if (running) return processStatusOf(running);
      signal?.throwIfAborted();
      return processStatusOf(await untilUp(redis, await starter.begin(), signal));
    },
    stop: (signal, withinMs = redis.stopTimeoutMs) => stop(redis, withinMs, signal),
    kill: (identity, signal) => kill(starter, identity, signal),
    exited: (signal) => exited(starter, signal),
    logs: (lines) => starter.logs(lines),
    dataLayout: async () => layoutOf(await redis.conf()),
    databases: async () => (await redis.conf()).databases,
    renamedCommands: async () => (await redis.conf()).renamed,
    confKnowledge: async () => {
      const conf = await redis.conf();
      const commands = Object.fromEntries(Object.entries(conf.renamed).map(([real, { name }]) => [real, name]));
      return { commands, settings: settingsOf(conf) };
    },
    otherStart: (said) => otherStart(redis, said),
    proveStart: (ask, signal) => proveStart(redis, ask, signal),
    loadDirectives: async () => (await redis.conf()).loadDirectives,
    trace: () => traceOf(redis),
    memoryKill: (pid) => memoryKill(pid),
    memory: () => memoryOf(starter),
    program: () => programOf(starter),
    keepConf: () => keepConf(redis),
    identify: (said) => identify(redis, said),
  };
}
