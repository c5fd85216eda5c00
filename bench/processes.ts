import { type SpawnOptions, spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

/** What something cost. */
export interface Cost {
  seconds: number;
  /** Highest resident set size, in MB of 10^6 bytes. */
  rssMb: number;
  /** User and system time of the process and of its children that have ended. */
  cpuSeconds: number;
}

const TICKS_PER_SECOND = 100; // USER_HZ, the same on every Linux

/** Reads what the kernel keeps of a process. Linux only: elsewhere everything but the time is 0. */
export class ProcessMeter {
  readonly #pid: number;
  readonly #begun: number;
  readonly #cpuBefore: number;
  #rssMb = 0;
  #cpuSeconds = 0;

  constructor(pid: number) {
    this.#pid = pid;
    forgetPeak(pid);
    this.#cpuBefore = cpuSecondsOf(pid);
    this.#begun = performance.now();
  }

  /** Call it from time to time when the process may end by itself: what the kernel knew ends with it. */
  sample(): void {
    const peak = /VmHWM:\s+(\d+) kB/.exec(read(this.#pid, 'status'))?.[1];
    if (peak === undefined) return;
    this.#rssMb = Math.max(this.#rssMb, (Number(peak) * 1024) / 1e6);
    this.#cpuSeconds = cpuSecondsOf(this.#pid) - this.#cpuBefore;
  }

  cost(): Cost {
    this.sample();
    return { seconds: this.secondsSoFar(), rssMb: this.#rssMb, cpuSeconds: this.#cpuSeconds };
  }

  secondsSoFar(): number {
    return (performance.now() - this.#begun) / 1000;
  }
}

/** Starts the peak anew, so that one long process can be measured several times. */
function forgetPeak(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
  } catch {
    // Not Linux, or not ours: then the peak is that of its whole life.
  }
}

function cpuSecondsOf(pid: number): number {
  const fields = read(pid, 'stat').split(') ').at(-1)?.split(' ') ?? [];
  const [user, system, childrenUser, childrenSystem] = fields.slice(11, 15).map(Number);
  return ((user ?? 0) + (system ?? 0) + (childrenUser ?? 0) + (childrenSystem ?? 0)) / TICKS_PER_SECOND;
}

function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return ''; // it has ended, or there is no /proc
  }
}

/** CPU seconds of this process by the names of its threads: `MainThread`, `libuv-worker` (zstd, files), `V8Worker` (GC). */
export function cpuByThread(): Record<string, number> {
  const spent: Record<string, number> = {};
  for (const thread of ownThreads()) {
    const [, name = '', fields = ''] = /\((.*)\) (.*)/.exec(thread) ?? [];
    const [user = 0, system = 0] = fields.split(' ').slice(11, 13).map(Number);
    spent[name] = (spent[name] ?? 0) + (user + system) / TICKS_PER_SECOND;
  }
  return spent;
}

function ownThreads(): string[] {
  try {
    return readdirSync('/proc/self/task').map((thread) => readFileSync(`/proc/self/task/${thread}/stat`, 'utf8'));
  } catch {
    return []; // no /proc
  }
}

/**
 * Runs a command to its end.
 * @param succeeded - for commands whose exit code says less than their words; default: exit code 0
 * @throws Error with what it wrote when it fails
 */
export async function measureCommand(
  file: string,
  args: string[],
  options: SpawnOptions = {},
  succeeded = ({ code }: { code: number | null; text: string }): boolean => code === 0,
): Promise<Cost & { stdout: string }> {
  const child = spawn(file, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  const meter = new ProcessMeter(child.pid ?? 0);
  const sampling = setInterval(() => meter.sample(), 20);
  const output = { stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk: Buffer) => {
    output.stdout += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    output.stderr += chunk.toString();
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  }).finally(() => clearInterval(sampling));
  const text = `${output.stdout}${output.stderr}`;
  if (!succeeded({ code, text })) throw new Error(`${file} ${args.join(' ')} ended with code ${code}:\n${text}`);
  return { ...meter.cost(), stdout: output.stdout };
}

/** The middle one; of an even number the lower of the two, so that it is always something that was measured. */
export const median = (values: number[]): number => values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? 0;

/** Always something that was measured; of nothing NaN. */
export const quantile = (values: number[], part: number): number =>
  values.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(values.length * part) - 1)] ?? Number.NaN;
