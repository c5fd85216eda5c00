import assert from 'node:assert/strict';
import type { RedisFacts } from '../../../model/health-report.ts';
import { diagnose } from '../../../model/recovery/diagnose.ts';
import { type KnownHistory, partReplicas, whyNotReplica } from '../../../model/recovery/replicas.ts';
import { down, facts, look, observations } from '../../fixtures/observations.ts';

const KNOWN: KnownHistory = { addresses: ['10.0.0.1:6379'], replids: ['ours', 'ours before'] };
const LIVING: KnownHistory = { ...KNOWN, current: 'ours' };

type Case = [facts: Partial<RedisFacts>, known: KnownHistory, why: RegExp | undefined];
const CASES: Record<string, Case> = {
  'follows its address, whatever history it has': [
    { role: 'slave', primary: '10.0.0.1:6379', primaryLinkUp: false, replid: 'x' },
    KNOWN,
    undefined,
  ],
  'has its history and a link to nobody': [
    { role: 'slave', primary: 'alias:6379', primaryLinkUp: false, replid: 'ours' },
    KNOWN,
    undefined,
  ],
  'follows it, which lives, by another name': [
    { role: 'slave', primary: 'alias:6379', primaryLinkUp: true, replid: 'ours' },
    LIVING,
    undefined,
  ],
  'was detached': [{ role: 'master', replid: 'new', replid2: 'ours' }, KNOWN, undefined],
  'follows a living other one': [
    { role: 'slave', primary: '10.0.0.9:6379', primaryLinkUp: true, replid: 'theirs' },
    KNOWN,
    /follows another Redis, 10\.0\.0\.9:6379/,
  ],
  'follows a living other one, which this one followed, too': [
    { role: 'slave', primary: '10.0.0.9:6379', primaryLinkUp: true, replid: 'ours' },
    KNOWN,
    /follows another Redis/,
  ],
  'follows a dead other one': [
    { role: 'slave', primary: '10.0.0.9:6379', primaryLinkUp: false, replid: 'theirs' },
    KNOWN,
    /follows another Redis/,
  ],
  'follows the same port of its own machine': [
    { role: 'slave', primary: '127.0.0.1:6379', primaryLinkUp: false, replid: 'theirs' },
    { ...KNOWN, addresses: ['127.0.0.1:6379'] },
    /follows another Redis/,
  ],
  'is a primary with data of its own': [{ role: 'master', replid: 'theirs' }, LIVING, /is a primary of its own/],
};

describe('A server that is named as a replica', () => {
  for (const [what, [said, known, why]] of Object.entries(CASES))
    it(`${why ? 'is left alone if it' : 'is one if it'} ${what}`, () => {
      const told = whyNotReplica('10.0.0.2:6379', facts(said), known);
      if (why) assert.match(told ?? '', why);
      else assert.equal(told, undefined);
    });

  it('is one if it follows another that is one', () => {
    const named = (address: string, said: Partial<RedisFacts>) => ({
      address,
      look: look('read-only', { role: 'slave', ...said }),
    });
    const { replicas, notReplicas } = partReplicas(
      [
        named('10.0.0.4:6379', { primary: '10.0.0.3:6379', primaryLinkUp: true, replid: 'x' }),
        named('10.0.0.3:6379', { primary: '127.0.0.1:6380', primaryLinkUp: true, replid: 'x' }),
        named('10.0.0.3:6380', { primary: '10.0.0.1:6379' }),
        named('10.0.0.5:6379', { primary: '10.0.0.9:6379', replid: 'x' }),
        { address: '10.0.0.6:6379', look: look('refused') },
      ],
      KNOWN,
    );
    assert.deepEqual(
      replicas.map(({ address }) => address),
      ['10.0.0.4:6379', '10.0.0.3:6379', '10.0.0.3:6380', '10.0.0.6:6379'],
    );
    assert.deepEqual(
      notReplicas.map(({ address }) => address),
      ['10.0.0.5:6379'],
    );
  });
});

describe('A replica that is configured and does not answer', () => {
  it('is said to be unknown, and is not taken for nothing', () => {
    const seen = observations({ ...down(), replicas: [{ address: '10.0.0.7:1', look: look('unreachable') }] });
    const { evidence } = diagnose({ ...seen, settings: { ...seen.settings, replicas: ['10.0.0.7:1'] } });
    assert.match(evidence.join('\n'), /Not known: replica 10\.0\.0\.7:1 could not be asked \(unreachable\); where it follows/);
    assert.doesNotMatch(diagnose(seen).evidence.join('\n'), /could not be asked/, 'one that a log names may be long gone');
  });
});
