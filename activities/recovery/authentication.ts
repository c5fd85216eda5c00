import { setTimeout as sleep } from 'node:timers/promises';
import {
  isBackToNormal,
  nextLook,
  noteOfRates,
  nothingSeen,
  notWatched,
  verdictOfRates,
} from '../../model/recovery/authentication-watch.ts';
import type { AuthenticationWatch } from '../../model/recovery/recovery.ts';
import type { AuthenticationSource } from '../../model/recovery/settings.ts';
import { lookAtAuthenticationRate } from '../../probes/authentication-rate.ts';
import type { Dependencies } from '../dependencies.ts';
import { currentJob } from '../job-context.ts';

export interface WatchAuthenticationInput {
  instance: string;
  /** Absent: nothing is watched. */
  settings?: AuthenticationSource;
  /** From before the failure, of `findBaseline`. */
  normalPerSecond?: number;
  /** When the watch ends at the latest, milliseconds since 1970, in place of `begun` and the limit of the settings. */
  untilMs?: number;
  /** When the watch began. ISO 8601. A retry goes on from here, and not anew. */
  begun: string;
}

export const createAuthenticationActivities = (deps: Dependencies) => ({
  /**
   * Watches the rate of authentication requests until it has been as usual for some looks after a spike, or no spike came.
   * A source that does not answer is asked again. Changes nothing; a retry looks anew and keeps to the same end.
   */
  async watchAuthentication(input: WatchAuthenticationInput): Promise<AuthenticationWatch> {
    const { settings, normalPerSecond, untilMs, begun } = input;
    const usual = normalPerSecond === undefined ? {} : { normalPerSecond };
    if (!settings) return { ...notWatched, ...usual };
    const { signal, progress } = currentJob();
    const begunMs = Date.parse(begun);
    const endMs = untilMs ?? begunMs + settings.limitMs;
    let seen = nothingSeen;
    for (;;) {
      seen = nextLook(seen, await lookAtAuthenticationRate(settings, { signal }), normalPerSecond);
      progress({ stage: 'sign-ins', note: noteOfRates(seen, normalPerSecond) });
      const nowMs = deps.now();
      const back = isBackToNormal(seen, { elapsedMs: nowMs - begunMs, limitMs: endMs - begunMs });
      if (back || nowMs >= endMs) return verdictOfRates(seen, { ...usual, seconds: Math.round((nowMs - begunMs) / 1000), back });
      await sleep(Math.min(settings.everyMs, endMs - nowMs), undefined, { signal });
    }
  },
});
