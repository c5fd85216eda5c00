import { readFile, writeFile } from 'node:fs/promises';
import type { KeptConf } from '../platform.ts';
import { keepAccess } from './conf-access.ts';
import type { LocalRedis } from './local-redis.ts';

/** In whatever encoding it is. */
const BYTES = 'latin1';

/** Holds the text of redis.conf, and who may read it; without a file of its own there is none that CONFIG REWRITE changes. */
export async function keepConf({ identity }: Pick<LocalRedis, 'identity'>): Promise<KeptConf> {
  const { configFile } = await identity();
  const text = configFile === undefined ? undefined : await readFile(configFile, BYTES);
  const putAccessBack = configFile === undefined ? async () => undefined : await keepAccess(configFile);
  return {
    putAccessBack,
    async takeBack() {
      if (configFile !== undefined && text !== undefined) await writeFile(configFile, text, BYTES);
    },
  };
}
