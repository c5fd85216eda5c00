import { z } from 'zod';
import { duration, field, httpUrl, oneOf, section, text, wholeNumber } from './fields.ts';

const share = (about: string) => field(z.number().min(0).max(1), { about, allowed: 'a number from 0 to 1' });

/** `instances.*.recovery`. */
export const recovery = z.strictObject({
  onDamage: field(z.enum(['serve-empty', 'ask']).optional(), {
    about:
      'When the data cannot be loaded: start empty with the damaged files aside, or ask first. Where more keys of the newest backup are in no data class than `tolerance` says, it is asked all the same.',
    allowed: 'serve-empty or ask',
    byDefault: '`serve-empty` if every data class is `recreatable`, else `ask`',
  }),
  restore: oneOf(
    ['never', 'ask', 'auto'],
    'Whether lost keys are brought back: `auto` only from a log that is complete up to the failure, else it is asked.',
  ).default('ask'),
  restoreClasses: field(z.array(z.string().min(1)).optional(), {
    about: 'Data classes that are brought back into the living Redis.',
    allowed: 'a list of data classes, `other` among them, such as [sessions]',
    byDefault: '`sessionClass`, every class that is not `recreatable`, and `other`',
  }),
  sessionClass: field(z.string().min(1).optional(), {
    about: 'Data class whose loss makes people sign in again.',
    allowed: 'a data class, such as sessions',
    byDefault: '`sessions`, or else the first class that is `sensitive`',
  }),
  tolerance: share('Share of the expected sessions that may be missing without anything being done.').default(0.01),
  askFor: duration('How long a question stands. After it availability wins.', { min: '1s', max: '1h' }).prefault('5m'),
  restartEvery: duration('A recovery restarts this Redis once in this time at most.', { min: '1s' }).prefault('10m'),
  replicas: field(z.array(z.string().regex(/^(?:[^\s/:]+|\[[0-9a-fA-F:]+\]):\d{1,5}$/)).default([]), {
    about: 'Its replicas, for when it cannot be asked any more. They are reached with its own user and password.',
    allowed: 'a list of host:port, such as [10.0.0.7:6379]',
  }),
  warmup: section(
    'When the cache counts as warm again.',
    z.strictObject({
      target: field(z.number().min(0).max(1).optional(), {
        about: 'Hit rate that is warm.',
        allowed: 'a number from 0 to 1',
        byDefault: 'what it was before: the same hour of earlier days, or the last window before the failure',
      }),
      tolerance: share('How far below is warm enough.').default(0.05),
      window: duration('Length of a window.', { min: '1s', max: '1h' }).prefault('30s'),
      windows: wholeNumber('So many windows in a row.', 1, 1000).default(3),
      minLookups: wholeNumber('A window with fewer lookups says nothing.', 1, 1_000_000_000).default(100),
      limit: duration('After it the finding is "not warm".', { min: '1s', max: '24h' }).prefault('60m'),
    }),
  ).prefault({}),
  authentication: section(
    'Where the rate of authentication requests is read. Absent: a spike is forecast, and not watched.',
    z.strictObject({
      kind: oneOf(['prometheus', 'http'], 'A query to Prometheus, or a page of the application that answers JSON.'),
      url: httpUrl('The Prometheus server, or the page.'),
      query: text('PromQL that gives requests a second. Only with `prometheus`.').optional(),
      field: text('Path to the requests a second in the JSON, such as auth.rate. Only with `http`.').optional(),
      every: duration('Time between looks.', { min: '1s', max: '1h' }).prefault('15s'),
      limit: duration('How long it is watched at most.', { min: '1s', max: '24h' }).prefault('60m'),
    }),
  ).optional(),
});

/** `instances.*.watch`. */
export const watch = z.strictObject({
  mode: oneOf(['ask', 'auto'], 'Ask before a recovery is started, or start it.').default('ask'),
  every: duration('Time between looks.', { min: '1s', max: '1h' }).prefault('5s'),
  after: duration('It must have failed for so long, seen from two of three sides.', { min: '1s', max: '1h' }).prefault('30s'),
  coolDown: duration('After a recovery nothing is started for so long.', { min: '1s' }).prefault('10m'),
  mostPerHour: wholeNumber('After so many recoveries within an hour there are alerts only.', 1, 60).default(3),
});
