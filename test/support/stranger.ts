import { once } from 'node:events';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openRedis } from '../../redis/client/client.ts';
import { ownDirectory } from './processes.ts';
import { type RedisServer, spawnServer } from './redis-server.ts';
import { until } from './until.ts';

/** Another Redis, with a directory and a redis.conf of its own. */
export interface Stranger extends AsyncDisposable {
  readonly configFile: string;
  readonly pid: number;
  says(...args: string[]): Promise<string>;
}

/** Starts another Redis on the port of one that is dead, with one key, and nothing of it saved. */
export async function startStranger({
  binary,
  port,
  connection,
}: Pick<RedisServer, 'binary' | 'port' | 'connection'>): Promise<Stranger> {
  const home = mkdtempSync(join(tmpdir(), 'redis-backup-stranger-'));
  ownDirectory(home);
  const dir = join(home, 'data');
  mkdirSync(dir);
  const configFile = join(home, 'stranger.conf');
  writeFileSync(configFile, `port ${port}\nbind 127.0.0.1\ndir ${dir}\nsave ""\nlogfile ${join(home, 'stranger.log')}\n`);
  const child = spawnServer(binary.path, configFile, home);
  const says = async (...args: string[]): Promise<string> => {
    using client = await openRedis(connection);
    return String(await client.command(...args));
  };
  await until(
    () =>
      says('SET', 'theirs', 'whole').then(
        (answer) => answer === 'OK',
        () => false,
      ),
    { what: 'the stranger answers' },
  );
  return {
    configFile,
    pid: child.pid ?? 0,
    says,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      child.ref(); // what only waits for it would end here
      await once(child, 'exit');
    },
  };
}
