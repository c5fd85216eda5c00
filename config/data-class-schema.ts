import { z } from 'zod';
import { duration, flag, matching, oneOf, text } from './fields.ts';

/** An entry of `dataClasses`, common or of one instance. */
export const dataClass = z.strictObject({
  name: matching(
    /^[A-Za-z][A-Za-z0-9_-]{0,62}$/,
    'Name of the class; `other` is taken.',
    'letters, digits, - and _, such as sessions',
  ),
  pattern: text(
    'Glob over the key name, as in `SCAN … MATCH`. The first class that matches counts.',
    'a Redis glob, such as session:*',
  ),
  expiry: oneOf(['fixed', 'sliding'], 'Time to live counted from creation, or renewed at each use.').default('fixed'),
  ttl: duration('Longest time to live that the application sets.').optional(),
  recreatable: flag(
    'It comes back by itself: a Redis that lost it may start empty without asking, if this holds for every class and no key is without one.',
  ).default(false),
  sensitive: flag('Live credentials, which want encryption and short retention.').default(false),
  whenLost: text('What people notice when it is lost.'),
});
