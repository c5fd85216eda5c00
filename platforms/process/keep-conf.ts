import { readFile, writeFile } from 'node:fs/promises';
import type { KeptConf } from '../platform.ts';
import type { LocalRedis } from './local-redis.ts';

/** In whatever encoding it is. */
const BYTES = 'latin1';

/** Holds the text of redis.conf; without a file of its own there is none that CONFIG REWRITE changes. */
export async function keepConf({ identity }: Pick<LocalRedis, 'identity'>): Promise<KeptConf> {
  const { configFile } = await identity();
  const text = configFile === undefined ? undefined : await readFile(configFile, BYTES);
  return {
    async takeBack() {
      if (configFile !== undefined && text !== undefined) await writeFile(configFile, text, BYTES);
    },
  };
}
