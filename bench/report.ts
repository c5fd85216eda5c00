import { formatBytes } from '../model/format.ts';
import { median } from './processes.ts';

/** One run of one contender. */
export interface Run {
  seconds: number;
  rssMb?: number;
  storedBytes?: number;
  cpuSeconds?: number;
  /** What only one bench measures, by a name with its unit. */
  more?: Record<string, number>;
}

export interface Contender {
  name: string;
  run(): Promise<Run>;
}

/** What one bench says: with `--json` exactly this. */
export interface Report {
  name: string;
  ours: Run;
  peers: Record<string, Run>;
  /** Ours divided by theirs. */
  ratio: Record<string, number>;
}

export interface Goal {
  what: string;
  value: number;
  atMost: number;
}

export interface BenchOptions {
  keys: number;
  runs: number;
  /** Without Temporal, stage by stage. */
  pipeline: boolean;
  /** With the option that turns `rdbcompression` off at the fork. */
  uncompressedFork: boolean;
  cpuProf: boolean;
  note: (text: string) => void;
}

export interface BenchResult {
  report: Report;
  about: string;
  goals: Goal[];
}

/** What a worker may have. */
export const LIMIT_MB = 250;

/** Runs all contenders in turn, several times: what disturbs the machine for a while disturbs them all. */
export async function alternate(contenders: Contender[], runs: number, note: (text: string) => void): Promise<Map<string, Run>> {
  const measured = new Map<string, Run[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 1; round <= runs; round++) {
    for (const { name, run } of contenders) {
      const result = await run();
      measured.get(name)?.push(result);
      note(`run ${round} of ${runs}: ${name} ${result.seconds.toFixed(2)} s`);
    }
  }
  return new Map([...measured].map(([name, all]) => [name, medianRun(all)]));
}

export function compare(name: string, runs: Map<string, Run>, own: string, peers: string[]): Report {
  const ours = runs.get(own) as Run;
  const there = peers.flatMap((peer) => (runs.has(peer) ? [[peer, runs.get(peer) as Run] as const] : []));
  return {
    name,
    ours,
    peers: Object.fromEntries(there),
    ratio: Object.fromEntries(there.map(([peer, { seconds }]) => [peer, round(ours.seconds / seconds, 3)])),
  };
}

function medianRun(runs: Run[]): Run {
  const of = (key: keyof Omit<Run, 'more'>): number | undefined => {
    const values = runs.flatMap((run) => run[key] ?? []);
    return values.length === 0 ? undefined : median(values);
  };
  const names = Object.keys(runs[0]?.more ?? {});
  const more = names.map((name) => [name, round(median(runs.map((run) => run.more?.[name] ?? Number.NaN)), 3)] as const);
  return {
    seconds: round(of('seconds') ?? 0, 3),
    ...optional('rssMb', of('rssMb'), 1),
    ...optional('storedBytes', of('storedBytes'), 0),
    ...optional('cpuSeconds', of('cpuSeconds'), 2),
    ...(names.length === 0 ? {} : { more: Object.fromEntries(more) }),
  };
}

const optional = (key: keyof Run, value: number | undefined, digits: number): Partial<Run> =>
  value === undefined ? {} : { [key]: round(value, digits) };

export const round = (value: number, digits: number): number => Number(value.toFixed(digits));

/** One line of JSON without the CPU time, which is for people. */
export const toJson = ({ name, ours, peers, ratio }: Report): string =>
  JSON.stringify({
    name,
    ours: bare(ours),
    peers: Object.fromEntries(Object.entries(peers).map(([key, run]) => [key, bare(run)])),
    ratio,
  });

const bare = ({ seconds, rssMb, storedBytes, more }: Run): Record<string, number> => ({
  seconds,
  ...(rssMb === undefined ? {} : { rssMb }),
  ...(storedBytes === undefined ? {} : { storedBytes }),
  ...more,
});

/** The same for people, with what was wanted. */
export function toText({ name, ours, peers, ratio }: Report, about: string, goals: Goal[]): string {
  const rows = [['redis-backup', ours] as const, ...Object.entries(peers)];
  const line = (cells: string[]): string => cells.map((cell, at) => (at === 0 ? cell.padEnd(24) : cell.padStart(11))).join('');
  return [
    `${name}: ${about}`,
    line(['', 'seconds', 'CPU s', 'peak RSS', 'stored', 'ours/theirs']),
    ...rows.map(([contender, run]) =>
      line([
        contender,
        run.seconds.toFixed(2),
        run.cpuSeconds?.toFixed(2) ?? '',
        run.rssMb === undefined ? '' : `${run.rssMb.toFixed(0)} MB`,
        run.storedBytes === undefined ? '' : formatBytes(run.storedBytes),
        ratio[contender]?.toFixed(2) ?? '',
      ]),
    ),
    ...rows.flatMap(([contender, { more = {} }]) =>
      Object.entries(more).map(([what, value]) => `${line([contender, `${value}`])}  ${what}`),
    ),
    ...goals.map(
      ({ what, value, atMost }) =>
        `${value <= atMost ? 'met   ' : 'MISSED'} ${what}: ${value.toFixed(2)}, at most ${atMost} wanted`,
    ),
    '',
  ].join('\n');
}
