import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ERRORS, type ErrorCode } from '../../../model/errors.ts';
import { type Answer, FORESEEN_CODES, FORESEEN_PLACES } from '../../support/foreseen-codes.ts';
import { refusalSitesIn } from '../../support/refusal-sites.ts';

const HOME = fileURLToPath(new URL('../../../', import.meta.url));
/** Where operations refuse. What the command and the configuration refuse is said to whoever types it. */
const ROOMS = ['activities', 'model', 'platforms', 'probes', 'redis', 'repository', 'workflows'];

const sourcesIn = async (room: string): Promise<string[]> =>
  (await readdir(join(HOME, room), { recursive: true })).filter((name) => name.endsWith('.ts')).map((name) => `${room}/${name}`);

describe('A refusal', () => {
  let sites: { place: string; code: ErrorCode }[];
  before(async () => {
    const files = (await Promise.all(ROOMS.map(sourcesIn))).flat();
    sites = files.flatMap((file) =>
      refusalSitesIn(readFileSync(join(HOME, file), 'utf8')).map(({ code, name }) => ({ code, place: `${file} ${name}` })),
    );
    assert.ok(sites.length > 150, `${sites.length}`);
  });
  const byPlace = () => sites.filter(({ code }) => FORESEEN_CODES[code] === 'by place');

  it('has a code of which somebody has said whether check foresees it', () => {
    assert.deepEqual(Object.keys(FORESEEN_CODES).sort(), Object.keys(ERRORS).sort());
  });

  it('that may stand has an answer for its place: the check that foresees it, or why none can', () => {
    const unanswered = byPlace().filter(({ place }) => !(place in FORESEEN_PLACES));
    assert.deepEqual(
      unanswered,
      [],
      'say it in test/support/foreseen-codes.ts; what stands, `check` must foresee by the same function',
    );
  });

  it('that is answered is still made there', () => {
    const made = new Set(byPlace().map(({ place }) => place));
    assert.deepEqual(
      Object.keys(FORESEEN_PLACES).filter((place) => !made.has(place)),
      [],
    );
  });

  it('is foreseen by a check that there is, and passes for a reason that is said', async () => {
    const checks = (await sourcesIn('cli/check')).map((file) => readFileSync(join(HOME, file), 'utf8')).join('\n');
    const answers: Answer[] = [...Object.values(FORESEEN_CODES), ...Object.values(FORESEEN_PLACES)].filter(
      (one) => one !== 'by place',
    );
    for (const answer of answers) {
      if ('check' in answer) assert.ok(checks.includes(`'${answer.check}'`), answer.check);
      else assert.ok(answer.moment.length > 10);
    }
  });
});
