import { type DataClass, OTHER } from '../model/data-class.ts';
import type { RecoverySettings, WatchSettings } from '../model/recovery/settings.ts';
import type { RawConfig } from './schema.ts';

type RawInstance = RawConfig['instances'][string];

/** Fills in the defaults that depend on the data classes. */
export function toRecovery(raw: RawInstance['recovery'], classes: readonly DataClass[]): RecoverySettings {
  const { askFor, restartEvery, warmup, authentication, restoreClasses, sessionClass, onDamage, ...rest } = raw;
  const { window, limit, ...warm } = warmup;
  const sessions = sessionClass ?? (classes.find(({ name }) => name === 'sessions') ?? classes.find(isSensitive))?.name;
  return {
    ...rest,
    onDamage: onDamage ?? (classes.every(({ recreatable }) => recreatable) ? 'serve-empty' : 'ask'),
    restoreClasses: restoreClasses ?? [...new Set([...(sessions ? [sessions] : []), ...irreplaceable(classes)])],
    ...(sessions ? { sessionClass: sessions } : {}),
    askForMs: askFor,
    restartEveryMs: restartEvery,
    warmup: { ...warm, windowMs: window, limitMs: limit },
    ...(authentication ? { authentication: toAuthentication(authentication) } : {}),
  };
}

const isSensitive = ({ sensitive }: DataClass): boolean => sensitive;

/** What no pattern names is unknown, and never taken for nothing. */
const irreplaceable = (classes: readonly DataClass[]): string[] => [
  ...classes.filter(({ recreatable }) => !recreatable).map(({ name }) => name),
  OTHER,
];

function toAuthentication({ every, limit, ...rest }: NonNullable<RawInstance['recovery']['authentication']>) {
  return { ...rest, everyMs: every, limitMs: limit };
}

export const toWatch = ({ every, after, coolDown, ...rest }: NonNullable<RawInstance['watch']>): WatchSettings => ({
  ...rest,
  everyMs: every,
  afterMs: after,
  coolDownMs: coolDown,
});
