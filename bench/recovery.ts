import { execFileSync } from 'node:child_process';
import { closeSync, cpSync, globSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RECOVERY_TASK_TIMEOUT } from '../model/operations.ts';
import type { RecoveryReport } from '../model/recovery/recovery.ts';
import { WORKFLOW_IDS } from '../model/workflow-ids.ts';
import { House } from '../test/support/house.ts';
import { pipeline } from '../test/support/pipeline.ts';
import { until } from '../test/support/until.ts';
import { alternate, type BenchOptions, type BenchResult, type Contender, compare, type Goal, type Run } from './report.ts';
import { benchCommands } from './shapes.ts';
import { endOfSteps } from './steps.ts';

const OURS = 'redis-backup';
const BY_HAND = 'start by hand';
const KILLED = 'its worker killed';
const DAMAGED = 'damaged log';
const REFUSED = 'until Redis refuses it';

const FAR_AHEAD_MS = Date.UTC(2100, 0, 1);
const POLL_MS = 10;
/** More than any value has: what lies within one Redis takes for that value. */
const DAMAGE_BYTES = 64 * 1024;
/** All of it in the log: what Redis does at its start is then the same in each run. */
const REDIS = { appendonly: 'yes', 'auto-aof-rewrite-percentage': '0', save: '' };
/** On the way to a Redis that serves, the first of each. */
const STEPS = [
  'openPlacement',
  'observeFromControl',
  'observeFiles',
  'assessFailure',
  'startOnce',
  'startEmpty',
  'awaitServingAgain',
];
const RECOVERY = {
  warmup: { window: '1s', windows: 1, minLookups: 1, target: 0, limit: '1s' },
  onDamage: 'serve-empty',
  restore: 'never', // what is measured is until it serves
};

/** Seconds from the start of the runbook until Redis takes a write, beside a person who starts the same process at once. */
export async function benchRecovery(options: BenchOptions): Promise<BenchResult> {
  const bench = await Bench.open(options);
  const awake = setInterval(() => undefined, 1000); // all that is waited for are processes, which keep nobody awake
  try {
    const contenders = [bench.byHand(), bench.recovery(), bench.workerKilled(), bench.refused(), bench.damaged()];
    const runs = await alternate(contenders, options.runs, options.note);
    return {
      report: compare('recovery', runs, OURS, [BY_HAND, KILLED, DAMAGED, REFUSED]),
      about: `${options.keys} keys in an append-only log of ${(bench.logBytes / 1e6).toFixed(0)} MB, from the start until a write is answered, medians of ${options.runs} runs in turn`,
      goals: goalsOf(runs),
    };
  } finally {
    await bench.close();
    clearInterval(awake);
  }
}

function goalsOf(runs: Map<string, Run>): Goal[] {
  const over = (what: string, ours: string, theirs: string, atMost: number): Goal => ({
    what: `${what}, seconds`,
    value: (runs.get(ours)?.seconds ?? Number.NaN) - (runs.get(theirs)?.seconds ?? Number.NaN),
    atMost,
  });
  return [
    over('a restart by the runbook over one by hand', OURS, BY_HAND, 1.5),
    over('its worker killed before the start of Redis, over one that lives', KILLED, OURS, 6),
    over('a damaged log, from the moment when Redis refuses it', DAMAGED, REFUSED, 5),
  ];
}

/** A Redis whose data directory is the same at the begin of each run, and an installation that may recover it. */
class Bench {
  readonly #house: House;
  /** The data directory as it is before each run. */
  readonly #kept = mkdtempSync(join(tmpdir(), 'redis-backup-bench-recovery-'));

  private constructor(house: House) {
    this.#house = house;
  }

  static async open({ keys, note }: BenchOptions): Promise<Bench> {
    const house = await House.open({ redis: { config: REDIS }, instance: { recovery: RECOVERY } });
    const bench = new Bench(house);
    note(`making ${keys} keys`);
    await pipeline({ port: house.redis.port }, benchCommands(keys, FAR_AHEAD_MS));
    await house.backup();
    await bench.#kill();
    cpSync(house.redis.dir, bench.#kept, { recursive: true });
    return bench;
  }

  get logBytes(): number {
    return statSync(logIn(this.#kept)).size;
  }

  byHand(): Contender {
    return {
      name: BY_HAND,
      run: async () => {
        await this.#reset();
        const begun = performance.now();
        await this.#house.redis.restart('started');
        return { seconds: await this.#untilWritten(begun) };
      },
    };
  }

  recovery(): Contender {
    return {
      name: OURS,
      run: async () => {
        await this.#reset();
        return this.#recover();
      },
    };
  }

  workerKilled(): Contender {
    return {
      name: KILLED,
      run: async () => {
        await this.#reset();
        const { met } = await this.#house.startDoomedWorker('before:startOnce');
        const [run] = await Promise.all([this.#recover(), met]);
        return run;
      },
    };
  }

  damaged(): Contender {
    return {
      name: DAMAGED,
      run: async () => {
        await this.#reset({ damaged: true });
        return this.#recover();
      },
    };
  }

  refused(): Contender {
    return {
      name: REFUSED,
      run: async () => {
        await this.#reset({ damaged: true });
        const begun = performance.now();
        await this.#house.redis.restart('started');
        await this.#house.redis.exited();
        return { seconds: (performance.now() - begun) / 1000 };
      },
    };
  }

  async close(): Promise<void> {
    await this.#house.close();
    rmSync(this.#kept, { recursive: true, force: true });
  }

  async #recover(): Promise<Run> {
    const begun = performance.now();
    const running = await this.#house.client.workflow.start('recoverRedis', {
      workflowTaskTimeout: RECOVERY_TASK_TIMEOUT, // as `redis-backup recover` starts it
      workflowId: WORKFLOW_IDS.recover('main'),
      taskQueue: 'redis-ops',
      args: [{ instance: 'main', onDamage: 'serve-empty' }],
    });
    const seconds = await this.#untilWritten(begun);
    const { outcome, serving, summary } = (await running.result()) as RecoveryReport;
    if (outcome !== 'serving' || !serving) throw new Error(summary);
    return {
      seconds,
      more: {
        untilItSaysSoSeconds: serving.secondsFromStart,
        ...(await endOfSteps(this.#house.client, WORKFLOW_IDS.recover('main'), STEPS)),
      },
    };
  }

  /** As an application would: a connection of its own, until it gets an answer. */
  async #untilWritten(begun: number): Promise<number> {
    for (;;) {
      const written = await this.#house.ask('SET', 'written', 'at last').catch(() => undefined); // down, or loading
      if (written === 'OK') return (performance.now() - begun) / 1000;
      await sleep(POLL_MS);
    }
  }

  /** Redis is dead, and its files are what they were. */
  async #reset({ damaged = false } = {}): Promise<void> {
    await this.#kill();
    const { dir } = this.#house.redis;
    rmSync(dir, { recursive: true });
    cpSync(this.#kept, dir, { recursive: true });
    if (damaged) damageLog(logIn(dir));
    // What a real Redis had on its disk long ago; else the first small file that the runbook makes safe waits for all of it.
    execFileSync('sync', ['-f', dir]);
  }

  async #kill(): Promise<void> {
    const info = await this.#house.ask('INFO', 'server').catch(() => undefined); // dead already
    const pid = Number(/process_id:(\d+)/.exec(String(info))?.[1]);
    if (!pid) return;
    process.kill(pid, 'SIGKILL');
    const gone = () => this.#house.ask('PING').then(() => false, () => true); // biome-ignore format: one thought
    await until(gone, { what: 'Redis is gone' });
  }
}

/** In the middle: Redis loads half of it and then refuses it. */
function damageLog(log: string): void {
  const file = openSync(log, 'r+');
  writeSync(file, Buffer.alloc(DAMAGE_BYTES, 'X'), 0, DAMAGE_BYTES, statSync(log).size >> 1);
  closeSync(file);
}

function logIn(directory: string): string {
  const [log] = globSync(`${directory}/appendonlydir/*.incr.aof`);
  if (!log) throw new Error(`there is no append-only log in ${directory}`);
  return log;
}
