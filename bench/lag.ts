import { fileURLToPath } from 'node:url';
import type { RedisServer } from '../test/support/redis-server.ts';
import { measureCommand, quantile } from './processes.ts';
import { round } from './report.ts';

const CHILD = fileURLToPath(new URL('steady-load.ts', import.meta.url));
const SECONDS = 15;
const SAMPLE_MS = 100;

export interface Offsets {
  written: number;
  /** What the archiver has acknowledged, which is what is stored; -1 when nobody follows. */
  stored: number;
}

/** Both in one answer, so that they are of one moment. */
export async function readOffsets(redis: RedisServer): Promise<Offsets> {
  const info = String(await redis.command('INFO', 'replication'));
  const number = (pattern: RegExp): number => Number(pattern.exec(info)?.[1] ?? -1);
  return { written: number(/master_repl_offset:(\d+)/), stored: number(/slave0:.*state=online,offset=(\d+)/) };
}

/**
 * How old the oldest write is that is not stored, sampled under a steady load: now minus the last moment at which Redis was
 * known to be no further than what is stored now.
 */
export async function lagWhileWriting(redis: RedisServer, writesASecond: number): Promise<Record<string, number>> {
  const seen: { atMs: number; written: number }[] = [];
  const lags: number[] = [];
  const sample = async (): Promise<void> => {
    const atMs = performance.now();
    const { written, stored } = await readOffsets(redis);
    seen.push({ atMs, written });
    const upTo = seen.findLast((one) => one.written <= stored);
    if (upTo) lags.push(stored >= written ? 0 : (atMs - upTo.atMs) / 1000);
  };
  const load = measureCommand(process.execPath, [CHILD, `${redis.port}`, `${writesASecond}`, `${SECONDS}`]);
  const timer = setInterval(() => void sample(), SAMPLE_MS);
  const { stdout } = await load.finally(() => clearInterval(timer));
  return {
    steadyWritesPerSecond: round(Number(stdout) / SECONDS, 0),
    rpoMedianSeconds: quantile(lags, 0.5),
    rpoP99Seconds: quantile(lags, 0.99),
    rpoMaxSeconds: quantile(lags, 1),
  };
}
