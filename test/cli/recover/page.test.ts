import assert from 'node:assert/strict';
import { setTimeout as after } from 'node:timers/promises';
import type { CommandContext } from '../../../cli/command.ts';
import { runRecovery } from '../../../cli/recover/run.ts';
import { SEARCH_ATTRIBUTES } from '../../../model/operations.ts';
import { MAIN } from '../../fixtures/shard.ts';

const SEARCH = Object.fromEntries(Object.values(SEARCH_ATTRIBUTES).map((name) => [name, 2]));

/** A Temporal whose answer to a query takes longer than the recovery that is asked about, which no real one can be made to do. */
function slowQueries(status: () => object = () => ({ notes: [] }), lastsMs = 1_300) {
  const seen: string[] = [];
  let underWay = 0;
  const handle = {
    result: () => after(lastsMs, { outcome: 'joined', because: 'another recovery runs' }),
    describe: async () => ({ workflowId: 'recover/main', searchAttributes: {}, raw: {}, taskQueue: 'redis-ops' }),
    async query() {
      underWay += 1;
      await after(600);
      underWay -= 1;
      return {
        instance: 'main',
        clients: '',
        worstLoss: '',
        changed: [],
        applications: [],
        steps: [],
        notes: [],
        now: 'looking',
        ...status(),
      };
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

describe('The question of redis-backup recover', () => {
  it('goes away when somebody else has answered', async () => {
    const notes: string[] = [];
    let asked = 0;
    let over: AbortSignal | undefined;
    const { context } = slowQueries(
      () => ({
        ...(over && asked++ > 0
          ? {}
          : {
              question: {
                plan: 'f00d',
                text: 'Start empty?',
                answerBy: new Date(Date.now() + 60_000).toISOString(),
                otherwise: 'it waits',
              },
            }),
        notes: asked > 0 ? ['10:42:07 bob approved: Start empty?'] : [],
      }),
      5_000,
    );
    const ask = (_: string, signal?: AbortSignal) => {
      over = signal;
      return new Promise<string>((resolve) => signal?.addEventListener('abort', () => resolve('')));
    };
    const output = { ...context.output, note: (text: string) => void notes.push(text) };
    await runRecovery({ ...context, ask, output }, MAIN, { instance: 'main' });
    assert.equal(over?.aborted, true);
    assert.equal(notes.at(-1), 'answered already: 10:42:07 bob approved: Start empty?');
  });
});

describe('The page of redis-backup recover', () => {
  it('is not shown behind the result, and leaves no call under way to a connection that is closed then', async () => {
    const { context, seen, underWay } = slowQueries();
    assert.equal(await runRecovery(context, MAIN, { instance: 'main' }), undefined);
    assert.equal(underWay(), 0);
    assert.deepEqual(seen, ['result']);
  });

  it('leaves none on Ctrl-C', async () => {
    const { context, interrupt, underWay } = slowQueries();
    const running = runRecovery(context, MAIN, { instance: 'main' });
    while (underWay() === 0) await after(20);
    interrupt.abort();
    await assert.rejects(running, { code: 'DETACHED' });
    assert.equal(underWay(), 0);
  });
});
