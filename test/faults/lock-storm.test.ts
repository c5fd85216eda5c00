import assert from 'node:assert/strict';
import { type Random, randomFrom } from '../support/random.ts';
import type { StormEvent } from '../support/storm/activities.ts';
import { Storm } from '../support/storm/harness.ts';
import { until } from '../support/until.ts';

const INSTANCES = ['red', 'green', 'blue', 'grey'];
const OPERATIONS_EACH = Number(process.env.STORM_OPERATIONS ?? 120) / INSTANCES.length;
const FATES = ['succeed', 'succeed', 'fail', 'cancel', 'terminate', 'time out', 'reset'] as const;
const WORKER_KILLS = 4;

/** More than ever want one lock in real life. Thirty that wait would be a storm on Temporal rather than on the lock. */
const MOST_AT_ONCE = 5;

const running = async (storm: Storm, ids: readonly string[]): Promise<number> => {
  const states = await Promise.all(ids.map(async (id) => (await storm.client.workflow.getHandle(id).describe()).status.name));
  return states.filter((state) => state === 'RUNNING').length;
};

interface Span {
  workflowId: string;
  runId: string;
  fromMs: number;
  toMs: number;
}

/** When each run was at work: from its first change to its last. */
function spansOf(events: StormEvent[]): Span[] {
  const spans = new Map<string, Span>();
  for (const { workflowId, runId, atMs } of events) {
    const span = spans.get(runId);
    if (span) span.toMs = Math.max(span.toMs, atMs);
    else spans.set(runId, { workflowId, runId, fromMs: atMs, toMs: atMs });
  }
  return [...spans.values()].sort((a, b) => a.fromMs - b.fromMs);
}

/** Lets one operation meet its fate at a random moment, also while it still waits for the lock. */
async function operate(storm: Storm, random: Random, instance: string, number: number): Promise<string> {
  const fate = random.pick(FATES);
  const id = `storm/${instance}/${number}`;
  const input = {
    instance,
    kind: random.pick(['backup', 'restore', 'backup'] as const),
    changes: 1 + random.below(3),
    waitSeconds: 600,
  };
  const failAt = fate === 'fail' ? random.below(input.changes) : undefined;
  await storm.start(
    id,
    { ...input, ...(failAt === undefined ? {} : { failAt }) },
    fate === 'time out' ? 1 + random.below(3) : undefined,
  );
  const handle = storm.client.workflow.getHandle(id);
  await new Promise((resolve) => setTimeout(resolve, random.below(2_500)));
  if (fate === 'cancel') await handle.cancel().catch(() => undefined); // it may have ended
  if (fate === 'terminate') await handle.terminate('storm').catch(() => undefined);
  if (fate === 'reset') await storm.reset(id, (tasks) => random.pick(tasks)).catch(() => undefined);
  return id;
}

describe('The lock of an instance, in a storm', function () {
  this.timeout(400_000);
  const random = randomFrom();
  let storm: Storm;
  before(async () => {
    storm = await Storm.open();
  });
  after(() => storm?.close());

  it(`never lets two operations work at once, never sticks, and undoes all that did not succeed (SEED=${random.seed})`, async () => {
    let killing = true;
    const killer = (async () => {
      for (let kills = 0; kills < WORKER_KILLS && killing; kills += 1) {
        await new Promise((resolve) => setTimeout(resolve, 4_000 + random.below(6_000)));
        await storm.killWorker();
        await storm.startWorker();
      }
    })();
    const ids = await Promise.all(
      INSTANCES.map(async (instance) => {
        const started: string[] = [];
        // Two at a time want the same lock, so that waiting, refusing and preempting happen too.
        for (let number = 0; number < OPERATIONS_EACH; number += 2) {
          const pair = await Promise.all([
            operate(storm, random, instance, number),
            operate(storm, random, instance, number + 1),
          ]);
          started.push(...pair);
          await until(async () => (await running(storm, started)) <= MOST_AT_ONCE, { seconds: 120, what: 'fewer want the lock' });
        }
        return started;
      }),
    );
    killing = false;
    await killer;
    const handles = ids.flat().map((id) => storm.client.workflow.getHandle(id));
    const ended = async () => {
      const states = await Promise.all(handles.map(async (handle) => (await handle.describe()).status.name));
      return states.every((state) => state !== 'RUNNING');
    };
    await until(ended, { seconds: 240, what: 'every operation has ended' });
    for (const instance of INSTANCES) {
      await until(async () => !(await storm.isLocked(instance)), { seconds: 60, what: `lock/${instance} is free` });
    }
    assert.equal(handles.length, INSTANCES.length * OPERATIONS_EACH);
    for (const instance of INSTANCES) await assertOneAfterAnother(storm, instance);
  });
});

async function assertOneAfterAnother(storm: Storm, instance: string): Promise<void> {
  const events = storm.events(instance);
  assert.ok(
    events.some(({ what }) => what === 'undo'),
    'the storm undid something, or it was none',
  );
  const spans = spansOf(events);
  const overlaps = spans.filter((span, index) => index > 0 && span.fromMs < (spans[index - 1] as Span).toMs);
  assert.deepEqual(overlaps, [], `runs at work on ${instance} at the same time`);
  for (const { workflowId, runId, toMs } of spans) {
    if (workflowId === `lock/${instance}` || (await storm.toldSuccess(workflowId, runId))) continue;
    const changed = new Set(
      events.filter((event) => event.runId === runId && event.what === 'begin').map(({ number }) => number),
    );
    const next = spans.find(({ fromMs }) => fromMs > toMs)?.runId;
    const undone = new Set(events.filter((event) => event.runId === next && event.what === 'undo').map(({ number }) => number));
    assert.deepEqual(
      [...changed].filter((number) => !undone.has(number)),
      [],
      `changes of run ${runId} that nobody undid`,
    );
  }
}
