import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE_DIRECTORY, findBinary } from './binaries.ts';

export interface RedisBinary {
  path: string;
  product: 'redis' | 'valkey';
  /** Such as `7.0.15`. */
  version: string;
  /** For test titles: `redis 7.0.15`. */
  label: string;
}

const known = new Map<string, RedisBinary>();

/** What a server binary says of itself. */
export function describeBinary(path: string): RedisBinary {
  const found = known.get(path) ?? ask(path);
  known.set(path, found);
  return found;
}

function ask(path: string): RedisBinary {
  const text = execFileSync(path, ['--version'], { encoding: 'utf8' });
  const [, name = '', version = ''] = /^(\w+) server v=([\d.]+)/i.exec(text) ?? [];
  const product = name.toLowerCase() === 'valkey' ? 'valkey' : 'redis';
  return { path, product, version, label: `${product} ${version}` };
}

/**
 * The servers that tests run over: the one of the system, and every `.cache/bin/redis-server-*` or `valkey-server-*`
 * that `scripts/setup` has put there.
 */
export function redisBinaries(): RedisBinary[] {
  const others = filesOf(join(CACHE_DIRECTORY, 'bin')).filter((path) => /\/(redis|valkey)-server-[^/]+$/.test(path));
  return [findBinary('redis-server'), ...others].map(describeBinary);
}

function filesOf(directory: string): string[] {
  try {
    return readdirSync(directory)
      .sort()
      .map((name) => join(directory, name));
  } catch {
    return []; // no .cache: only the server of the system
  }
}

export const isAtLeast = (binary: RedisBinary, major: number, minor = 0): boolean => {
  const [ownMajor = 0, ownMinor = 0] = binary.version.split('.').map(Number);
  return ownMajor > major || (ownMajor === major && ownMinor >= minor);
};
