import { OTHER } from '../model/data-class.ts';
import type { Find } from './problems.ts';
import type { RawConfig } from './schema.ts';

/** What no single field of `recovery` can say. */
export function crossCheckRecovery(
  { restoreClasses = [], sessionClass, authentication }: RawConfig['instances'][string]['recovery'],
  classes: readonly { name: string }[],
  path: readonly PropertyKey[],
  find: Find,
): void {
  const known = classes.map(({ name }) => name);
  const unknown = (name: string) => `is "${name}", which is no data class; there are ${known.join(', ')}`;
  if (sessionClass !== undefined && !known.includes(sessionClass)) find([...path, 'sessionClass'], unknown(sessionClass));
  for (const [index, name] of restoreClasses.entries()) {
    if (name !== OTHER && !known.includes(name)) find([...path, 'restoreClasses', index], unknown(name));
  }
  if (!authentication) return;
  const { kind } = authentication;
  const [needed, foreign] = kind === 'prometheus' ? (['query', 'field'] as const) : (['field', 'query'] as const);
  if (authentication[needed] === undefined)
    find([...path, 'authentication', 'kind'], `is ${kind}, which needs ${needed} beside it`);
  if (authentication[foreign] !== undefined) find([...path, 'authentication', foreign], `does not go with kind ${kind}`);
}
