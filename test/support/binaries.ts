import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where `scripts/setup` puts what the system does not have. */
export const CACHE_DIRECTORY: string = fileURLToPath(new URL('../../.cache', import.meta.url));

/** What each component is for, and the variable that names another one of it: a stranger's test run must be able to say. */
const COMPONENTS = {
  'redis-server': { override: 'REDIS_SERVER_PATH', setup: './scripts/setup' },
  'redis-cli': { override: 'REDIS_CLI_PATH', setup: './scripts/setup' },
  'redis-benchmark': { override: 'REDIS_BENCHMARK_PATH', setup: './scripts/setup' },
  temporal: { override: 'TEMPORAL_CLI_PATH', setup: './scripts/setup' },
  versitygw: { override: 'VERSITYGW_PATH', setup: './scripts/setup --with-s3' },
  zstd: { override: 'ZSTD_PATH', setup: './scripts/setup' },
  'wal-g': { override: 'WALG_PATH', setup: undefined },
} as const;

export type Component = keyof typeof COMPONENTS;

/**
 * The absolute path of a component's executable: the override variable first, then PATH, then `.cache/bin` of this clone.
 * @throws Error that names the command which installs it: a test that lacks a component fails, it is never skipped
 */
export function findBinary(name: Component): string {
  const found = findBinaryIfThere(name);
  if (found !== undefined) return found;
  const { override, setup } = COMPONENTS[name];
  const install = setup === undefined ? 'put it on PATH' : `run ${setup}`;
  throw new Error(`${name} is not installed: ${install}, or set ${override} to its executable`);
}

/** Like findBinary, for what is used when it is there: `undefined` if it is not. */
export function findBinaryIfThere(name: Component): string | undefined {
  const { override } = COMPONENTS[name];
  const named = process.env[override];
  if (named !== undefined && named !== '') {
    if (isExecutable(named)) return named;
    throw new Error(`${override} is "${named}", which is not an executable file`);
  }
  const directories = [...(process.env.PATH ?? '').split(delimiter).filter(Boolean), join(CACHE_DIRECTORY, 'bin')];
  return directories.map((directory) => join(directory, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false; // not there, or not for us: the next place is asked
  }
}
