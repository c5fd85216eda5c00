import assert from 'node:assert/strict';
import { setTimeout as after } from 'node:timers/promises';
import type { CommandContext } from '../../cli/command.ts';
import { runRecovery } from '../../cli/recover/run.ts';
import { SEARCH_ATTRIBUTES } from '../../model/operations.ts';

const SEARCH = Object.fromEntries(Object.values(SEARCH_ATTRIBUTES).map((name) => [name, 2]));

/** A Temporal whose answer to a query takes longer than the recovery that is asked about, which no real one can be made to do. */
function slowQueries() {
  const seen: string[] = [];
  let underWay = 0;
  const handle = {
    result: () => after(1_300, { outcome: 'joined', because: 'another recovery runs' }),
    describe: async () => ({ workflowId: 'recover/main', searchAttributes: {}, raw: {}, taskQueue: 'redis-ops' }),
    async query() {
      underWay += 1;
      await after(600);
      underWay -= 1;
      return { instance: 'main', steps: [], notes: [], now: 'looking' };
    },
  };
  const call = (_: unknown, made: () => unknown) => made();
  const session = {
    client: { workflow: { start: async () => handle } },
    connection: {
      withDeadline: call,
      withAbortSignal: call,
      operatorService: { listSearchAttributes: async () => ({ customAttributes: SEARCH }) },
    },
    named: (name: string) => name,
    targetOf: () => undefined,
    commandLine: (command: string) => command,
  };
  const interrupt = new AbortController();
  const speak = (name: string) => () => void seen.push(name);
  const context = {
    output: { status: speak('status'), page: speak('page'), note: speak('note'), result: speak('result') },
    interrupt: interrupt.signal,
    now: Date.now,
    temporal: async () => session,
  } as unknown as CommandContext;
  return { context, interrupt, seen, underWay: () => underWay };
}

describe('The page of redis-backup recover', () => {
  it('is not shown behind the result, and leaves no call under way to a connection that is closed then', async () => {
    const { context, seen, underWay } = slowQueries();
    assert.equal(await runRecovery(context, { instance: 'main' }), undefined);
    assert.equal(underWay(), 0);
    assert.deepEqual(seen, ['result']);
  });

  it('leaves none on Ctrl-C', async () => {
    const { context, interrupt, underWay } = slowQueries();
    const running = runRecovery(context, { instance: 'main' });
    while (underWay() === 0) await after(20);
    interrupt.abort();
    await assert.rejects(running, { code: 'DETACHED' });
    assert.equal(underWay(), 0);
  });
});
