import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import type { RecoveryInput, RecoveryReport } from '../../model/recovery/recovery.ts';
import type { RunbookStatus } from '../../model/recovery/runbook.ts';
import { House, type HouseOptions } from './house.ts';
import { endWhatRunsIn, ownDirectory } from './processes.ts';
import { until } from './until.ts';

export const SESSIONS = 100;
export const KEYS = 1100;

/** Settings of a recovery that is over in seconds. */
export const quickRecovery = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
  warmup: { window: '1s', windows: 1, minLookups: 1, target: 0, limit: '2s' },
  askFor: '20s',
  restartEvery: '1s',
  ...more,
});

export interface Stand {
  /** Lines of redis.conf, laid over those of the house. */
  config?: Record<string, string>;
  /** Size of a small disk of its own for the data. Needs the right to mount. */
  diskBytes?: number;
  /** Default: KEYS keys, SESSIONS of them sessions, and one backup of them. */
  keys?: 'none';
  backup?: 'none';
}

/** A house whose Redis is brought into one trouble after the other; each begins with fresh data, and one backup of them. */
export class Troubled {
  readonly house: House;
  readonly #configText: string;
  #pristine = '';
  #mounted = false;
  #workflowId = '';

  private constructor(house: House) {
    this.house = house;
    this.#configText = readFileSync(house.redis.configFile, 'utf8');
  }

  static async open(options: HouseOptions = {}): Promise<Troubled> {
    const house = await House.open({ ...options, instance: { recovery: quickRecovery(), ...options.instance } });
    return new Troubled(house);
  }

  get dir(): string {
    return this.house.redis.dir;
  }

  ask = (...args: string[]): Promise<unknown> => this.house.ask(...args);

  /** What a client gets: the answer, or the words of the refusal. */
  says = (...args: string[]): Promise<string> => this.ask(...args).then(String, (error: Error) => error.message);

  /** A Redis that has been running well. */
  async stand({ config = {}, keys, backup, diskBytes }: Stand = {}): Promise<void> {
    await this.#endRecovery();
    await this.end();
    rmSync(this.dir, { recursive: true, force: true });
    mkdirSync(this.dir);
    if (diskBytes !== undefined) this.#mount(diskBytes);
    this.configure(config);
    await this.house.redis.restart();
    if (keys !== 'none') await this.fill();
    if (backup !== 'none') await this.#haveBackup();
  }

  configure(config: Record<string, string>): void {
    const lines = Object.entries(config).map(([name, value]) => `${name} ${value}\n`);
    writeFileSync(this.house.redis.configFile, this.#configText + lines.join(''));
  }

  async fill(): Promise<void> {
    const ttl = "redis.call('SET', KEYS[1]..i, 'x', 'EX', ARGV[2])";
    const some = (name: string, count: number, seconds: number) =>
      this.ask('EVAL', `for i=1,ARGV[1] do ${ttl} end`, '1', name, `${count}`, `${seconds}`);
    await some('session:', SESSIONS, 86_400);
    await some('cache:', KEYS - SESSIONS, 3600);
  }

  /** The same one for all, since all have the same keys. */
  async #haveBackup(): Promise<void> {
    const backups = join(this.house.dir, 'backups');
    if (this.#pristine === '') {
      await this.house.backup();
      this.#pristine = `${backups}.pristine`;
      cpSync(backups, this.#pristine, { recursive: true });
    }
    rmSync(backups, { recursive: true, force: true });
    cpSync(this.#pristine, backups, { recursive: true });
  }

  async pid(): Promise<number> {
    return Number(/process_id:(\d+)/.exec(String(await this.ask('INFO', 'server')))?.[1]);
  }
  async runId(): Promise<string> {
    return /run_id:(\w+)/.exec(String(await this.ask('INFO', 'server')))?.[1] ?? '';
  }

  async kill(): Promise<void> {
    process.kill(await this.pid(), 'SIGKILL');
    await this.#untilGone();
  }

  /** Its log is no log any more in its middle. @returns what it had before it is looked at */
  async cutLog(): Promise<Map<string, string>> {
    await this.kill();
    const directory = join(this.dir, 'appendonlydir');
    const file = join(directory, readdirSync(directory).find((name) => name.endsWith('incr.aof')) ?? '');
    const bytes = readFileSync(file);
    writeFileSync(file, bytes.fill('#', bytes.length >> 1, (bytes.length >> 1) + 40));
    return filesIn(this.dir);
  }

  /** Kills it, and leaves its log as a power failure does. @returns its files */
  async endLogInZeros(): Promise<Map<string, string>> {
    await this.kill();
    const directory = join(this.dir, 'appendonlydir');
    const file = join(directory, readdirSync(directory).find((name) => name.endsWith('incr.aof')) ?? '');
    appendFileSync(file, Buffer.alloc(4096));
    return filesIn(this.dir);
  }

  /** Of whoever started it, and whatever state it is in. */
  async end(): Promise<void> {
    await this.house.redis.kill('SIGKILL');
    const home = dirname(this.house.redis.configFile);
    endWhatRunsIn(home);
    ownDirectory(home);
    await this.#untilGone();
    if (this.#mounted) execFileSync('umount', [this.dir]);
    this.#mounted = false;
  }

  /** Of a test that has failed. */
  async #endRecovery(): Promise<void> {
    if (this.#workflowId === '') return;
    await this.#running.terminate('the test has failed').catch(() => undefined); // it has ended
    await this.#running.result().catch(() => undefined);
    await until(async () => !(await this.house.isLocked()), { what: 'the lock is free' });
  }

  #mount(bytes: number): void {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'redis-backup-test', this.dir], { stdio: 'ignore' });
    this.#mounted = true;
  }

  #untilGone = (): Promise<void> =>
    until(() => this.ask('PING').then(no, (error) => error.code === 'REDIS_UNREACHABLE'), { what: 'Redis is gone', seconds: 10 });

  /** How often a Redis was started in this house. */
  starts = (): number => this.house.redis.log().split('Server initialized').length - 1;

  start(input: Partial<RecoveryInput> = {}): Promise<WorkflowHandle> {
    const instance = input.instance ?? 'main';
    this.#workflowId = `recover/${instance}`;
    const options = { workflowId: this.#workflowId, taskQueue: 'redis-ops', args: [{ ...input, instance }] };
    return this.house.client.workflow.start('recoverRedis', options);
  }
  get #running(): WorkflowHandle {
    return this.house.client.workflow.getHandle(this.#workflowId);
  }

  /** A whole recovery. @param meanwhile - what people and clients do while it runs */
  async recover(
    input: Partial<RecoveryInput> = {},
    meanwhile: (running: WorkflowHandle) => Promise<unknown> = async () => undefined,
  ): Promise<RecoveryReport> {
    const running = await this.start(input);
    await meanwhile(running);
    const report = (await running.result()) as RecoveryReport;
    if (process.env.SHOW) console.log(JSON.stringify(report, undefined, 1), await this.page());
    if (await this.house.isLocked(report.instance)) throw new Error('the lock is held after the end');
    for (const sentence of [report.summary, ...report.toDo]) requireSentence(sentence);
    return report;
  }

  status = (): Promise<RunbookStatus> => this.#running.query<RunbookStatus>('status');
  page = async (): Promise<string> => JSON.stringify(await this.status(), undefined, 1);

  /** Waits for a question. */
  async question(pattern: RegExp): Promise<NonNullable<RunbookStatus['question']>> {
    let seen: RunbookStatus['question'];
    await until(
      async () => {
        const { question, outcome } = await this.status().catch(() => UNKNOWN); // no worker is there for a moment
        if (outcome) throw new Error(`it ended, ${outcome}, without being asked ${pattern}`);
        seen = question;
        return question !== undefined && pattern.test(question.text);
      },
      { what: `the question ${pattern}`, seconds: 40 },
    ).catch((error) => {
      throw new Error(`${(error as Error).message}; asked: ${seen?.text}`);
    });
    return seen as NonNullable<typeof seen>;
  }

  /** Waits for a question, and answers it. */
  async answer(pattern: RegExp, decline = false): Promise<void> {
    const { plan } = await this.question(pattern);
    await this.#running.executeUpdate('approve', { args: [{ by: 'ann', plan, ...(decline ? { decline } : {}) }] });
  }

  /** Waits until the recovery says this of what it does now. */
  untilNow = (pattern: RegExp): Promise<void> =>
    until(async () => pattern.test((await this.status()).now), { what: `the page says ${pattern}`, seconds: 30 });

  async close(): Promise<void> {
    await this.end();
    await this.house.close();
  }
}

/** Sentences are put together from parts, and each part has ends of its own. */
function requireSentence(text: string): void {
  if (/\.\.|\.[;,]|;\.| {2}|undefined|\[object/.test(text)) throw new Error(`not a sentence: ${text}`);
}

/** SHA-256 of each file below a directory, by path. */
export function filesIn(directory: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const name of readdirSync(directory, { recursive: true }) as string[]) {
    const path = join(directory, name);
    if (statSync(path).isFile() && !name.startsWith('.redis-backup'))
      found.set(relative(directory, path), createHash('sha256').update(readFileSync(path)).digest('hex'));
  }
  return found;
}

/** Every one of these files is in the directory, whatever its name is there. */
export function isKept(files: ReadonlyMap<string, string>, directory: string | undefined): boolean {
  if (directory === undefined) return false;
  const kept = new Set(filesIn(directory).values());
  return [...files.values()].every((hash) => kept.has(hash));
}

const UNKNOWN: Partial<RunbookStatus> = {};
const no = () => false;
