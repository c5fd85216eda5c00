import { RecoveryError } from '../../model/errors.ts';
import { nameOfClient, type RedisClient } from '../client/client.ts';

/**
 * The settings that a live load changes, as they are. Plain JSON without secrets: of `masterauth` it says only whether the
 * configuration of redis-backup knows it, because that is where it is put back from.
 */
export interface FollowSettings {
  /** By Redis' own names; a setting that the server doesn't have is left out. */
  values: Record<string, string>;
  masterauth: 'none' | 'known' | 'unknown';
}

/** What the configuration knows. Never part of an input or a result. */
export interface KnownSecrets {
  masterauth?: string;
}

export interface FollowOptions {
  /** The one-time password of our primary, and the user where it wants one. */
  password: string;
  user?: string;
  /** `swapdb`: beside the old data, which is served meanwhile. `disk`: to a file first, and LOADING while it is read. */
  load: 'swapdb' | 'disk';
}

/**
 * - `repl-timeout`: a feed that stalls freezes the whole server so long; 60 s by default.
 * - `replica-serve-stale-data no` would answer every read with MASTERDOWN, `replica-read-only no` would take writes that are
 *   gone at the switch, `replica-ignore-maxmemory no` would evict keys while they are loaded.
 */
const WHILE_FOLLOWING = {
  'repl-timeout': '5',
  'replica-serve-stale-data': 'yes',
  'replica-read-only': 'yes',
  'replica-ignore-maxmemory': 'yes',
} as const;

const NAMES = [...Object.keys(WHILE_FOLLOWING), 'repl-diskless-load', 'masteruser'];

/** Reads what `prepareFollow` will change. Do it first, and keep it: afterwards nobody knows. */
export async function readFollowSettings(client: RedisClient, known: KnownSecrets = {}): Promise<FollowSettings> {
  const { masterauth = '', ...values } = await client.configGet('masterauth', ...NAMES);
  if (masterauth === '') return { values, masterauth: 'none' };
  return { values, masterauth: masterauth === known.masterauth ? 'known' : 'unknown' };
}

/**
 * Sets what a live load needs; nothing of it is written to the configuration file. Safe to repeat.
 * @param previous - from `readFollowSettings`, already kept by the caller
 * @throws RecoveryError `RESTORE_REFUSED` where `masterauth` could not be put back
 */
export async function prepareFollow(client: RedisClient, previous: FollowSettings, options: FollowOptions): Promise<void> {
  if (previous.masterauth === 'unknown') throw unknownMasterauth(client);
  const load = options.load === 'swapdb' ? 'swapdb' : 'disabled';
  const wanted = { ...WHILE_FOLLOWING, 'repl-diskless-load': load, masteruser: options.user ?? '' };
  await apply(client, wanted, previous);
  await client.configSet('masterauth', options.password);
}

/** Puts every setting back that `prepareFollow` may have changed. Safe to repeat, also where nothing was changed. */
export async function putBackSettings(client: RedisClient, previous: FollowSettings, known: KnownSecrets = {}): Promise<void> {
  await apply(client, previous.values, previous);
  if (previous.masterauth === 'unknown') return; // then it was never changed
  const isMissing = previous.masterauth === 'known' && known.masterauth === undefined;
  if (isMissing) throw unknownMasterauth(client);
  await client.configSet('masterauth', previous.masterauth === 'known' ? (known.masterauth ?? '') : '');
}

/** Only what differs, so that a setting that nobody may change, and nobody has to, is no obstacle. */
async function apply(client: RedisClient, wanted: Record<string, string>, { values }: FollowSettings): Promise<void> {
  const now = await client.configGet(...Object.keys(values));
  for (const [name, value] of Object.entries(wanted)) {
    if (name in values && now[name] !== value) await client.configSet(name, value);
  }
}

const unknownMasterauth = (client: RedisClient): RecoveryError =>
  new RecoveryError('RESTORE_REFUSED', `${nameOfClient(client)} has a masterauth that the configuration does not know`, {
    next: 'Name the secret that holds it in the configuration, so that it can be put back after a live load; or use strategy `replace`.',
  });
