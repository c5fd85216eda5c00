import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

/** How `cli/redis-backup` starts Node. A test that measures memory starts its process the same way. */
export const AS_SHIPPED = readLauncher(readFileSync(new URL('../../cli/redis-backup', import.meta.url), 'utf8'));

function readLauncher(script: string): { flags: string[]; env: Record<string, string> } {
  const env = [...script.matchAll(/^export (MALLOC_\w+)="\$\{\1:-(\d+)\}"$/gm)].map(([, name, value]) => [name, value]);
  const flags = /^exec "\$node" (--.*) "\$root\/cli\/main\.ts"/m.exec(script)?.[1]?.split(' ') ?? [];
  assert.ok(env.length > 0 && flags.length > 0, 'cli/redis-backup is written in another way than this reads it');
  return { flags, env: Object.fromEntries(env) };
}
