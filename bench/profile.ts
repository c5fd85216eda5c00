import { readFileSync } from 'node:fs';

interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[];
  samples: number[];
  timeDeltas: number[];
}

/** Where the main thread was, as lines of `share, milliseconds, function`; the threads of zstd are not in it. */
export function hottest(file: string, lines = 15): string {
  const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(file, 'utf8')) as CpuProfile;
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const spent = new Map<string, number>();
  samples.forEach((id, at) => {
    const { functionName = '', url = '', lineNumber = 0 } = frames.get(id) ?? {};
    const place = url === '' ? '' : ` ${url.split('/').slice(-2).join('/')}:${lineNumber + 1}`;
    const key = `${functionName || '(anonymous)'}${place}`;
    spent.set(key, (spent.get(key) ?? 0) + (timeDeltas[at] ?? 0) / 1000);
  });
  const total = [...spent.values()].reduce((sum, ms) => sum + ms, 0);
  return [...spent]
    .sort(([, a], [, b]) => b - a)
    .slice(0, lines)
    .map(([key, ms]) => `${((100 * ms) / total).toFixed(1).padStart(6)} % ${ms.toFixed(0).padStart(7)} ms  ${key}`)
    .join('\n');
}
