import type { Finding } from '../../../cli/check/finding.ts';
import { findBinary } from '../../support/binaries.ts';
import { type RedisOptions, type RedisServer, startRedis } from '../../support/redis-server.ts';
import { startTemporal, type TemporalOptions, type TemporalServer } from '../../support/temporal.ts';
import { type Options, openSite, type Site } from './command.ts';

/** Settings of a Redis that persists as the configuration wants by default. */
export const POLICY = { save: '3600 1 300 100 60 10000', appendonly: 'yes', appendfsync: 'everysec' };

export interface CheckResult {
  ok: number;
  warnings: number;
  failed: number;
  findings: Finding[];
}

/** A real Temporal, and what `redis-backup check` needs beside it. */
export class CheckStage {
  readonly temporal: TemporalServer;

  private constructor(temporal: TemporalServer) {
    this.temporal = temporal;
  }

  static async open(options?: TemporalOptions): Promise<CheckStage> {
    return new CheckStage(await startTemporal(options));
  }

  /** A Redis, and a configuration that names it. @param instance - more fields of the instance, as YAML */
  async siteWith(options: RedisOptions, instance = '', { worker = '' } = {}) {
    const redis = await startRedis({ ...options, config: { save: '3600 1', ...options.config } });
    const site = await this.siteOf(redis, instance, { worker });
    const close = async () => {
      await site[Symbol.asyncDispose]();
      await redis[Symbol.asyncDispose]();
    };
    return { redis, site, [Symbol.asyncDispose]: close };
  }

  /** A configuration that names a Redis which is there already. */
  siteOf({ port }: Pick<RedisServer, 'port'>, instance = '', { worker = '' } = {}): Promise<Site> {
    const url = `redis://127.0.0.1:${port}`;
    return openSite(
      `temporal: { address: "${this.temporal.address}" }\nworker: { host: here${worker && `, ${worker}`} }\ninstances: { main: { url: "${url}"${instance && `, ${instance}`} } }`,
    );
  }

  close(): Promise<void> {
    return this.temporal.stop();
  }
}

/** `platform` of an instance that runs as a process here, as YAML. */
export const processOf = ({ configFile }: Pick<RedisServer, 'configFile'>): string =>
  `platform: { type: process, configFile: "${configFile}", start: { command: ["${findBinary('redis-server')}", "${configFile}"] } }`;

/** The findings of one check, without those of others. */
export async function found(
  site: Site,
  check: string,
  args = 'check',
  options?: Options,
): Promise<Omit<Finding, 'check' | 'instance'>[]> {
  const { findings } = await site.json<CheckResult>(args, options);
  return findings
    .filter((one) => one.check === check)
    .map(({ level, message, next }) => ({ level, message, ...(next ? { next } : {}) }));
}
