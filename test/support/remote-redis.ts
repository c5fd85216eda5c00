import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endFakeRemote } from './fake-remote.ts';
import type { House } from './house.ts';
import { Troubled } from './troubled.ts';
import { until } from './until.ts';

/** A house whose Redis is on the platform of fake-remote.ts: its files are reached by helpers alone. */
export class RemoteRedis {
  readonly troubled: Troubled;
  readonly #home: string;

  private constructor(troubled: Troubled, home: string) {
    this.troubled = troubled;
    this.#home = home;
  }

  static async open(): Promise<RemoteRedis> {
    const home = mkdtempSync(join(tmpdir(), 'redis-backup-fake-remote-'));
    process.env.FAKE_REMOTE = home; // of all workers that are started here
    const troubled = await Troubled.open();
    writeFileSync(join(home, 'volume'), troubled.dir);
    return new RemoteRedis(troubled, home);
  }

  get house(): House {
    return this.troubled.house;
  }

  /** Somebody has its volume. */
  isOpen = (): boolean => existsSync(join(this.#home, 'helper.json'));

  /** A helper has met its fate. */
  hasMet = (): boolean => existsSync(join(this.#home, 'met'));

  /** Replaces worker and helper by such that meet a fate: see worker-process.ts. */
  async startWorkers(fate?: string): Promise<void> {
    await endFakeRemote(this.#home);
    rmSync(join(this.#home, 'met'), { force: true });
    await this.house.killWorker();
    await this.house.startWorker(fate);
  }

  /** Other data than those of its backup: what a restore that is put back must leave. */
  async standOldData(): Promise<void> {
    await this.house.ask('FLUSHALL');
    await this.house.ask('SET', 'old', 'data');
  }

  untilFree = (): Promise<void> => until(async () => !(await this.house.isLocked()), { what: 'the lock is free', seconds: 120 });

  async close(): Promise<void> {
    delete process.env.FAKE_REMOTE;
    await this.troubled.close();
    await endFakeRemote(this.#home);
    rmSync(this.#home, { recursive: true, force: true });
  }
}
