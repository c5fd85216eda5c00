/** What losing keys of one kind means. DEFAULT_DATA_CLASSES stand for a configuration without `dataClasses`. */
export interface DataClass {
  name: string;
  /** A Redis glob over the key name, as in `SCAN … MATCH`. */
  pattern: string;
  /** `fixed` from creation, or `sliding`: renewed at each use. */
  expiry: 'fixed' | 'sliding';
  /** Longest time to live that the application sets, in seconds. */
  ttlSeconds?: number;
  /** It comes back by itself: applications can do without it, so Redis may start empty. */
  recreatable: boolean;
  /** Live credentials: a backup of them wants encryption and short retention. */
  sensitive: boolean;
  /** What people notice when it is lost. */
  whenLost: string;
}

/** The class of every key that no pattern matches. It is counted and never taken for nothing. */
export const OTHER = 'other';

/** Named like a class where something is brought back: the function libraries, which are data and no keys. */
export const FUNCTIONS = 'functions';

/** `5,000 sessions`, `5,000 other keys`. */
export const classInWords = (name: string): string =>
  name === OTHER ? 'other keys' : name === FUNCTIONS ? 'function libraries' : name;

export const DEFAULT_DATA_CLASSES: readonly DataClass[] = [
  {
    name: 'sessions',
    pattern: 'session:*',
    expiry: 'sliding',
    ttlSeconds: 24 * 3600,
    recreatable: true,
    sensitive: true,
    whenLost: 'users sign in again; expect a spike of authentication requests',
  },
  {
    name: 'apiCache',
    pattern: 'cache:*',
    expiry: 'fixed',
    ttlSeconds: 3600,
    recreatable: true,
    sensitive: false,
    whenLost: 'responses are slower until the cache is warm',
  },
  {
    name: 'rateLimits',
    pattern: 'ratelimit:*',
    expiry: 'fixed',
    ttlSeconds: 3600,
    recreatable: true,
    sensitive: false,
    whenLost: 'rate limits start again from zero',
  },
  {
    name: 'featureFlags',
    pattern: 'flag:*',
    expiry: 'fixed',
    ttlSeconds: 60,
    recreatable: true,
    sensitive: false,
    whenLost: 'refilled within a minute',
  },
  {
    name: 'permissions',
    pattern: 'perm:*',
    expiry: 'fixed',
    ttlSeconds: 300,
    recreatable: true,
    sensitive: false,
    whenLost: 'refilled within five minutes',
  },
];
