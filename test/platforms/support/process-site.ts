import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ProcessPlatformConfig } from '../../../platforms/process/local-redis.ts';
import { openProcessPlatform } from '../../../platforms/process/process-platform.ts';
import { openRedis } from '../../../redis/client/client.ts';
import { findBinary } from '../../support/binaries.ts';
import { pidOf } from '../../support/processes.ts';
import { freePort } from '../../support/redis-server.ts';

/** A place where one Redis may run: a directory, a free port and a redis.conf. */
export interface ProcessSite extends AsyncDisposable {
  root: string;
  dir: string;
  port: number;
  configFile: string;
  binary: string;
  platform: ReturnType<typeof openProcessPlatform>;
  command(...args: string[]): Promise<unknown>;
  /** Another platform object over the same Redis, as a restarted worker would have. */
  again(config?: Partial<ProcessPlatformConfig>): ReturnType<typeof openProcessPlatform>;
}

export async function makeSite(conf: string[] = [], start?: Partial<ProcessPlatformConfig>): Promise<ProcessSite> {
  const root = await mkdtemp(join(tmpdir(), 'redis-backup-process-'));
  const dir = join(root, 'data');
  const configFile = join(root, 'redis.conf');
  const [port, binary] = [await freePort(), findBinary('redis-server')];
  await mkdir(dir);
  await writeFile(configFile, ['bind 127.0.0.1', `port ${port}`, `dir ${dir}`, 'save ""', ...conf].join('\n'));
  const config: ProcessPlatformConfig = { start: { command: [binary, configFile] }, port, stopTimeoutMs: 10_000, ...start };
  const platform = openProcessPlatform(config);
  const command = async (...args: string[]) => {
    using client = await openRedis({ host: '127.0.0.1', port });
    return await client.command(...args);
  };
  return {
    root,
    dir,
    port,
    configFile,
    binary,
    platform,
    command,
    again: (other = {}) => openProcessPlatform({ ...config, ...other }),
    async [Symbol.asyncDispose]() {
      const pid = pidOf(await platform.status().catch(() => ({})));
      if (pid > 0) process.kill(pid, 'SIGKILL');
      await rm(root, { recursive: true, force: true });
    },
  };
}
