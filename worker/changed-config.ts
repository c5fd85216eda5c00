import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config/config.ts';
import { wholeFingerprint } from '../config/fingerprint.ts';
import { loadConfig } from '../config/load.ts';
import { RecoveryError } from '../model/errors.ts';
import { tell } from './log.ts';

const LOOK_EVERY_MS = 3_000;

/**
 * Waits until the file says something else than this configuration, and is well-formed. What is wrong with a file that has
 * changed is said once, and the worker goes on with what it has.
 * @param refused - whole fingerprints of configurations with which the worker could not start
 * @returns undefined when the signal aborts
 */
export async function changedConfig(
  { origin: { file } }: Config,
  {
    known,
    refused,
    signal,
    everyMs = LOOK_EVERY_MS,
  }: { known: string; refused: ReadonlySet<string>; signal: AbortSignal; everyMs?: number },
): Promise<Config | undefined> {
  let seen = await versionOf(file);
  let unsettled = seen;
  for (;;) {
    await sleep(everyMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return undefined;
    const version = await versionOf(file);
    if (version === seen) continue;
    if (version !== unsettled) {
      unsettled = version; // it may be half written
      continue;
    }
    seen = version;
    const config = await loadConfig(file).catch((error: unknown) => {
      if (!(error instanceof RecoveryError)) throw error;
      tell('WARN', `${file} has changed and is not taken over: ${error.message}`, { code: error.code, next: error.next });
    });
    if (!config) continue;
    const fingerprint = wholeFingerprint(config);
    if (fingerprint !== known && !refused.has(fingerprint)) return config;
  }
}

/** Written anew, replaced by a rename, or gone. */
const versionOf = (file: string): Promise<string> =>
  stat(file).then(
    ({ mtimeMs, size, ino }) => `${mtimeMs} ${size} ${ino}`,
    () => 'not there',
  );
