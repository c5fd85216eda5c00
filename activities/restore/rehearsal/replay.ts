import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { RecoveryError } from '../../../model/errors.ts';
import type { RehearsedMoment } from '../../../model/restore/rehearsal.ts';
import { followPrimary } from '../../../redis/live/live-load.ts';
import type { MomentFinder } from '../../../redis/log/moments.ts';
import { pollInfo } from '../../../redis/persistence/children.ts';
import { type PrimaryProgress, servePrimary } from '../../../redis/replication/primary.ts';
import { refuseLoadErrors } from '../../throwaway/load-errors.ts';
import type { VerifiedFile } from '../stage.ts';
import { type CountBySavingOptions, type Counted, countBySaving } from './count.ts';
import type { Guard } from './guard.ts';
import { MomentMeter, type MomentMeterOptions } from './moment-meter.ts';
import { pausedLog } from './paused-log.ts';
import type { RehearsalServer } from './rehearsal-server.ts';

export interface ReplayRehearsedOptions extends CountBySavingOptions {
  rdb: VerifiedFile;
  log: VerifiedFile;
  /** That has seen this log. */
  finder: MomentFinder;
  guard: Guard;
  placeOf?: MomentMeterOptions['placeOf'];
  onProgress(doneBytes: number): void;
}

export interface Replayed {
  counted: Counted;
  moments: RehearsedMoment[];
  moreMoments: number;
}

/** It is asked whether it has come to a stop: of a log of many stops, each costs so long. */
const POLL_MS = 2;
const PATIENCE_MS = 2 ** 31 - 1;
const COMES_WITHIN_MS = 60_000;
const LOOPBACK = '127.0.0.1';

/**
 * Feeds base and log to a throw-away Redis as its primary, and counts what came out while it still follows: a replica expires
 * nothing by itself, so that what it has is what the log has made of the base, to the key.
 * @throws RecoveryError `LOG_REFUSED` for a command that it did not carry out
 */
export async function replay({ client, throwaway }: RehearsalServer, options: ReplayRehearsedOptions): Promise<Replayed> {
  const { rdb, log, finder, guard, signal, onProgress } = options;
  const meter = new MomentMeter(finder.suspects(), finder.dropped, {
    total: async () => (await client.dbsizes()).reduce((sum, { keys }) => sum + keys, 0),
    count: async () => (await countBySaving(client, throwaway.directory, options)).databases,
    ...(options.placeOf ? { placeOf: options.placeOf } : {}),
  });
  const onStop = async (commands: number, bytes: number): Promise<void> => {
    await untilApplied(client, bytes, signal);
    await meter.at(commands);
  };
  const password = randomBytes(24).toString('hex');
  await using primary = await servePrimary({
    ...{ listenHost: LOOPBACK, port: 0, password, allowedAddresses: [LOOPBACK], signal },
    ...{ psyncWithinMs: COMES_WITHIN_MS, feedWithinMs: PATIENCE_MS },
    identity: { replid: randomBytes(20).toString('hex'), offset: 0 },
    rdb: { bytes: rdb.bytes, open: () => createReadStream(rdb.path, { highWaterMark: 1 << 20, signal }) },
    ...(log.bytes > 0
      ? { log: { bytes: log.bytes, open: () => pausedLog(log.path, { stops: meter.stops, onStop, signal }) } }
      : {}),
    onProgress: ({ sentBytes }: PrimaryProgress) => onProgress(sentBytes),
  });
  await client.configSet('masterauth', password);
  await followPrimary(client, LOOPBACK, primary.port);
  primary.started();
  await primary.done;
  await guard.check(); // a short log is over before the first look
  await refuseLoadErrors(client, throwaway.directory);
  await rm(rdb.path, { force: true }); // its room is for what came out
  const counted = await countBySaving(client, throwaway.directory, options);
  return { counted, ...meter.result() };
}

async function untilApplied(client: RehearsalServer['client'], offset: number, signal: AbortSignal): Promise<void> {
  const isThere = (info: Awaited<ReturnType<typeof client.info>>): boolean => {
    if (info.get('role') !== 'slave')
      throw new RecoveryError('LIVE_FAILED', 'the throw-away Redis follows nobody', { next: 'Report it.' });
    return info.get('master_link_status') === 'up' && (info.number('slave_repl_offset') ?? -1) >= offset;
  };
  await pollInfo(client, isThere, { sections: ['replication'], pollMs: POLL_MS, signal });
}
