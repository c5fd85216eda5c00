/** How an instance is recovered, from `instances.*.recovery` of the configuration. Plain JSON: it stands in the assessment. */
export interface RecoverySettings {
  /** When the data can't be loaded: start empty with the damaged files aside, or ask first. */
  onDamage: 'serve-empty' | 'ask';
  /** Whether lost keys are brought back: never, when a person approves, or by itself from a log that is complete to the failure. */
  restore: 'never' | 'ask' | 'auto';
  /** Data classes that are brought back into the living Redis. Keys that it has are newer, and stay. */
  restoreClasses: readonly string[];
  /** The data class whose loss makes people sign in again. Absent: there is none. */
  sessionClass?: string;
  /** Share of the expected sessions, 0 to 1, that may be missing without anything being done. */
  tolerance: number;
  /** How long a question stands. After it availability wins, and the answer is no. */
  askForMs: number;
  /** A Redis is restarted by a recovery once in this time at most. */
  restartEveryMs: number;
  /** Replicas of this Redis, `host:port`, for when it can't be asked any more. */
  replicas: readonly string[];
  warmup: WarmupSettings;
  /** Where the rate of authentication requests is read. Absent: it is forecast, and not watched. */
  authentication?: AuthenticationSource;
}

/** When a cache counts as warm. */
export interface WarmupSettings {
  /** Hit rate, 0 to 1. Absent: the baseline remembered from before the failure. */
  target?: number;
  /** How far below target or baseline is warm enough, 0 to 1. */
  tolerance: number;
  windowMs: number;
  /** So many windows in a row. */
  windows: number;
  /** A window with fewer lookups says nothing. */
  minLookups: number;
  /** After it the verdict is `not warm`, as a finding. */
  limitMs: number;
}

export interface AuthenticationSource {
  /** `prometheus`: `url` is the server, `query` gives requests a second. `http`: `url` answers JSON, `field` is the path to requests a second in it. */
  kind: 'prometheus' | 'http';
  url: string;
  query?: string;
  field?: string;
  everyMs: number;
  limitMs: number;
}

/** How an instance is watched, from `instances.*.watch`. */
export interface WatchSettings {
  /** `ask`: a recovery is started only when a person approves; `auto`: by itself. */
  mode: 'ask' | 'auto';
  everyMs: number;
  /** It must have failed for so long, seen from two of three sides. */
  afterMs: number;
  /** After a recovery nothing is started for so long. */
  coolDownMs: number;
  /** More than so many recoveries an hour: only alerts. */
  mostPerHour: number;
}
