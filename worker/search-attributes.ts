import type { Connection } from '@temporalio/client';
import { RecoveryError } from '../model/errors.ts';
import { SEARCH_ATTRIBUTES } from '../model/operations.ts';

/** What is asked here of a connection, be it a client's or a worker's. */
type Operator = Pick<Connection, 'operatorService'>;

/** temporal.api.enums.v1.IndexedValueType, INDEXED_VALUE_TYPE_KEYWORD. */
const KEYWORD = 2;

/** Those of our search attributes that the namespace lacks. Setting one that is missing wedges a workflow, so nobody starts without. */
export async function missingSearchAttributes(connection: Operator, namespace: string): Promise<string[]> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  return Object.values(SEARCH_ATTRIBUTES).filter((name) => !(name in (customAttributes ?? {})));
}

/**
 * Registers what is missing.
 * @returns the names that were registered
 * @throws RecoveryError `CHECK_FAILED` with the command line for whoever may do it
 */
export async function ensureSearchAttributes(connection: Operator, namespace: string): Promise<string[]> {
  const missing = await missingSearchAttributes(connection, namespace);
  if (missing.length === 0) return [];
  const searchAttributes = Object.fromEntries(missing.map((name) => [name, KEYWORD]));
  await connection.operatorService.addSearchAttributes({ namespace, searchAttributes }).catch(async (error) => {
    // Two workers start together: the other one was first.
    if ((await missingSearchAttributes(connection, namespace)).length === 0) return;
    const names = missing.map((name) => `--name ${name}`).join(' ');
    throw new RecoveryError('CHECK_FAILED', `the namespace ${namespace} lacks the search attributes ${missing.join(', ')}`, {
      next: `Run: temporal operator search-attribute create --namespace ${namespace} ${names} ${missing.map(() => '--type Keyword').join(' ')}`,
      cause: error,
    });
  });
  return missing;
}

const LOOK_EVERY_MS = 5_000;

/**
 * Registers them again whenever Temporal has lost them, for as long as this worker lives: one without its memory (a dev server
 * without a file, a namespace made anew) answers as if nothing had been, and no operation could begin.
 */
export function keepSearchAttributes(connection: Operator, namespace: string): { close(): void } {
  const timer = setInterval(() => {
    ensureSearchAttributes(connection, namespace).catch(() => undefined); // away: it is looked at again
  }, LOOK_EVERY_MS);
  return { close: () => clearInterval(timer) };
}
