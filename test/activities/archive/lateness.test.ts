import assert from 'node:assert/strict';
import { Lateness } from '../../../activities/archive/lateness.ts';

/** A stream of pieces of ten bytes; before each, something happens. */
async function* stream(before: readonly (() => unknown)[]): AsyncGenerator<Buffer> {
  for (const happens of before) {
    await happens();
    yield Buffer.alloc(10);
  }
}

describe('What comes late', () => {
  let counter: number;
  beforeEach(() => {
    counter = 0;
  });
  const open = (options: Partial<ConstructorParameters<typeof Lateness>[0]> = {}) =>
    new Lateness({ clock: () => 1_000_000 + counter, counter: () => counter, sourceOffset: async () => 25, ...options });
  /** Of each piece: since when it may have been written. The consumer takes so long over each. */
  const sinces = async (lateness: Lateness, before: (() => unknown)[], takesMs = 0) => {
    const found: (number | undefined)[] = [];
    let offset = 0;
    for await (const piece of lateness.watch(stream(before))) {
      found.push(lateness.since(offset));
      offset += piece.length;
      counter += takesMs;
    }
    return found;
  };
  const nothing = () => undefined;
  const sleepsFor = (ms: number) => () => {
    counter += ms;
  };

  it('is all that Redis had written before it was asked for more', async () => {
    assert.deepEqual(await sinces(open({ late: { to: 15, sinceMs: 7 } }), [nothing, nothing, nothing]), [7, 7, undefined]);
  });

  it('is what Redis had written while this process did not run', async () => {
    assert.deepEqual(await sinces(open(), [sleepsFor(500), sleepsFor(28_000), nothing, nothing]), [
      undefined,
      1_000_500,
      1_000_500,
      undefined,
    ]);
  });

  it('is what came while whoever reads was held up', async () => {
    const found = await sinces(open(), [nothing, nothing, nothing], 5_000);
    assert.deepEqual(found, [undefined, 1_000_000, 1_000_000]);
  });

  it('is not what comes by and by, however seldom', async () => {
    const waits = () =>
      new Promise<void>((resolve) => {
        const timer = setInterval(() => {
          counter += 900;
          if (counter % 3_600 === 0) resolve(clearInterval(timer));
        }, 260); // it is looked four times a second meanwhile, and each sees less than two seconds
      });
    assert.deepEqual(await sinces(open(), [nothing, waits]), [undefined, undefined]);
  }).timeout(10_000);

  it('is everything for as long as Redis does not say how far it is', async () => {
    const answers = [undefined, undefined, 25];
    const lateness = open({ sourceOffset: async () => answers.shift() });
    assert.deepEqual(await sinces(lateness, [sleepsFor(9_000), nothing, nothing, nothing]), [
      1_000_000,
      1_000_000,
      1_000_000,
      undefined,
    ]);
  });
});
