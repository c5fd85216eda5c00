import { formatBytes } from '../../format.ts';
import type { HealthReport } from '../../health-report.ts';
import { answered, failedStart, logged, nobodyIsAnswered, processIsThere, said } from '../evidence.ts';
import { signOf } from '../log-signatures.ts';
import type { Observations } from '../observations.ts';
import { DISK_FULL_BYTES, type Situation } from '../situation.ts';
import { heardFacts, lossOfKept } from '../worst-loss.ts';
import { type FailureClassRow, noAdvice, nothingIsDone, sinceItsEnd, sinceItsStart } from './row.ts';

const BACKUP_HINT =
  'While it answers, take a backup over the network: `redis-backup backup` needs nothing of its disk where repl-diskless-sync is yes.';

/** A Redis that runs, and refuses some or all of what it is asked for. */
export const REFUSALS = {
  loading: {
    title: 'Redis is loading its data',
    clients: 'Every command is answered with LOADING until the data is loaded.',
    restartHelps: false,
    serves: 'no',
    explains: 'none',
    process: 'either',
    filesStay: false,
    advisedAfterwards: false,
    diagnose: (situation) => {
      const answer = answered(situation, 'loading');
      if (answer) return [said(answer), progressOf(answer)];
      if (situation.kind !== 'mute') return undefined;
      const { seen, platform } = situation;
      if (!platform.run || platform.run.ready || !platform.run.loading) return undefined;
      const silent = 'Its log says that it loads its data; a Redis that loads is silent at times.';
      return [silent, processIsThere(platform), nobodyIsAnswered(seen, platform)];
    },
    advice: noAdvice,
    since: sinceItsStart,
    worstLoss: lossOfKept,
    actions: () => [{ action: 'await-load', text: 'Wait until Redis has loaded its data; a restart would begin it anew.' }],
    byItself: 'Waits; a restart would begin the load anew.',
    asked: null,
    you: null,
  },

  'script-busy': {
    title: 'a script or function that never ends blocks Redis',
    clients: 'Every command is answered with BUSY, or not at all.',
    restartHelps: false,
    serves: 'no',
    explains: 'cause',
    process: 'lives',
    filesStay: false,
    advisedAfterwards: false,
    diagnose: (situation) => {
      const answer = answered(situation, 'busy');
      return answer && [said(answer)];
    },
    advice: () => ['Ask who runs it before it is ended: SCRIPT KILL works only as long as it has written nothing.'],
    since: sinceItsEnd,
    worstLoss: lossOfKept,
    actions: () => [
      {
        action: 'kill-script',
        text: 'End the script or function that blocks Redis; refused if it has written already.',
        ask: {
          question: 'May the running script be ended? What it was doing for an application is left undone.',
          otherwise: 'skip',
        },
      },
    ],
    byItself: null,
    asked: 'Ends the script, unless it has written.',
    you: null,
  },

  'disk-full': {
    title: 'the disk is full, Redis refuses writes',
    clients: 'Reads are answered, writes are refused with MISCONF; nothing is, if it is down.',
    restartHelps: false,
    serves: 'no',
    explains: 'cause',
    process: 'lives',
    filesStay: false,
    advisedAfterwards: false,
    diagnose: (situation) => {
      const answer = answered(situation, 'misconf');
      if (!answer) return failedStart(situation, ['no-space']);
      const { data, run } = situation.seen.platform ?? {};
      const noSpace = signOf(run, 'no-space');
      const isFull = /No space left|quota/i.test(said(answer)) || noSpace || (data?.freeBytes ?? Infinity) < DISK_FULL_BYTES;
      return isFull ? [said(answer), roomText(situation.seen), logged(noSpace?.line)] : undefined;
    },
    advice: ({ kind, seen }) =>
      kind === 'answers'
        ? [
            `Make room on the disk of ${seen.platform?.data?.dir ?? 'the data directory'}, or enlarge it; Redis goes on by itself. Do not restart it: a start writes, too.`,
            BACKUP_HINT,
          ]
        : ['Make room on its disk, then start it; it cannot start without writing.'],
    since: sinceItsEnd,
    worstLoss: lossOfKept,
    actions: nothingIsDone,
    byItself: null,
    asked: null,
    you: 'Make room; do not restart: a start writes, too.',
  },

  'save-failing': {
    title: 'Redis cannot save, and refuses writes',
    clients: 'Reads are answered, writes are refused with MISCONF.',
    restartHelps: false,
    serves: 'no',
    explains: 'cause',
    process: 'lives',
    filesStay: false,
    advisedAfterwards: false,
    diagnose: (situation) => {
      const answer = answered(situation, 'misconf');
      return answer && [said(answer), logged(whySaveFails(situation)?.line), roomText(situation.seen)];
    },
    advice: (situation) => [
      'Mend what its log says of the failed save (memory for the fork, rights, the disk), then BGSAVE; writes come back with the first good save.',
      'If writes matter more than the save: CONFIG SET stop-writes-on-bgsave-error no, and set it back afterwards.',
      ...(whySaveFails(situation)?.id === 'fork-failed' ? [] : [BACKUP_HINT]),
    ],
    since: sinceItsEnd,
    worstLoss: lossOfKept,
    actions: nothingIsDone,
    byItself: null,
    asked: null,
    you: 'Mend what the log says of the failed save, then BGSAVE.',
  },

  'memory-full': {
    title: 'Redis is full by its own limit (noeviction), and refuses writes',
    clients: 'Reads are answered, writes that need memory are refused with OOM.',
    restartHelps: false,
    serves: 'no',
    explains: 'cause',
    process: 'lives',
    filesStay: false,
    advisedAfterwards: false,
    diagnose: (situation) => {
      const answer = answered(situation, 'full');
      return answer && [said(answer), memoryOf(answer)];
    },
    advice: () => [
      'Raise maxmemory (below the memory of machine or container), or delete what is not needed; a restart frees nothing.',
      BACKUP_HINT,
    ],
    since: sinceItsEnd,
    worstLoss: lossOfKept,
    actions: nothingIsDone,
    byItself: null,
    asked: null,
    you: 'Raise maxmemory, delete keys, or choose a policy that evicts.',
  },

  'read-only': {
    title: 'Redis is a replica and refuses writes',
    clients: 'Reads are answered, writes are refused with READONLY.',
    restartHelps: false,
    serves: 'no',
    explains: 'cause',
    process: 'lives',
    filesStay: false,
    advisedAfterwards: false,
    diagnose: (situation) => {
      const answer = answered(situation, 'read-only');
      if (!answer) return undefined;
      const { primary, platform } = situation.seen;
      const name = primaryNamed(situation.seen);
      const state = primary ? `${name}: ${primary.detail}` : `${name} could not be asked`;
      return [said(answer), `It follows ${state}.`, platform && `It runs on ${platform.host}.`];
    },
    advice: ({ seen }) => [
      isRightlyReplica(seen)
        ? `Its primary ${primaryNamed(seen)} is alive, so this is rightly a replica: point the applications, and the url of the instance, at the primary.`
        : 'Make sure that nothing else serves as the primary before this one is made one: two primaries lose writes.',
    ],
    since: sinceItsEnd,
    worstLoss: lossOfKept,
    actions: (seen) => {
      if (isRightlyReplica(seen)) return [];
      const primary = heardFacts(seen)?.primary ?? 'its primary';
      return [
        {
          action: 'make-primary',
          text: `Make Redis a primary again: it follows ${primary}, which does not serve.`,
          ask: { question: `May it be made a primary? If ${primary} comes back, there are two.`, otherwise: 'skip' },
        },
      ];
    },
    byItself: null,
    asked: 'Makes it a primary, if the one that it follows does not serve.',
    you: 'Point everything at its primary, if that is alive.',
  },

  'password-refused': {
    title: 'Redis refuses the password that we have',
    clients: 'Not known from here: whoever has the right password is answered.',
    restartHelps: false,
    serves: 'no',
    explains: 'cause',
    process: 'lives',
    filesStay: false,
    advisedAfterwards: false,
    diagnose: (situation) => {
      const answer = answered(situation, 'password', 'permission');
      return answer && [said(answer)];
    },
    advice: (situation) => [
      answered(situation, 'permission')
        ? 'Give the user of redis-backup what looking needs: ACL SETUSER <user> +info +ping +setrange ~__redis-backup:probe:*'
        : 'Check the password and the user in the configuration, also after a rotation; then look again. Redis itself is not touched.',
    ],
    since: sinceItsEnd,
    worstLoss: lossOfKept,
    actions: nothingIsDone,
    byItself: null,
    asked: null,
    you: 'Correct user or password of the instance.',
  },

  'clients-full': {
    title: 'Redis takes no more connections (maxclients)',
    clients: 'Connections that are open work, new ones are turned away.',
    restartHelps: false,
    serves: 'no',
    explains: 'cause',
    process: 'lives',
    filesStay: false,
    advisedAfterwards: false,
    diagnose: (situation) => {
      const answer = answered(situation, 'clients-full');
      if (!answer) return undefined;
      const facts = heardFacts(situation.seen);
      const clients = facts?.connectedClients;
      return [said(answer), clients !== undefined && `${clients} clients of ${facts?.maxclients ?? '?'}.`];
    },
    advice: () => [
      'Find who holds the connections (CLIENT LIST over one that is still open, or the applications), restart that application, or raise maxclients.',
    ],
    since: sinceItsEnd,
    worstLoss: lossOfKept,
    actions: nothingIsDone,
    byItself: null,
    asked: null,
    you: 'Find who holds the connections, or raise maxclients.',
  },
} satisfies Record<string, FailureClassRow>;

function progressOf({ facts }: HealthReport): string | undefined {
  if (facts?.loadingPercent === undefined) return undefined;
  return `It has loaded ${facts.loadingPercent.toFixed(0)} %, and needs about ${facts.loadingEtaSeconds ?? '?'} s more.`;
}

const memoryOf = ({ facts }: HealthReport): string | undefined =>
  facts &&
  `It uses ${formatBytes(facts.usedMemoryBytes)} of ${formatBytes(facts.maxmemoryBytes)}, policy ${facts.maxmemoryPolicy || 'unknown'}.`;

function roomText({ platform }: Observations): string | undefined {
  const free = platform?.data?.freeBytes;
  return free === undefined ? undefined : `${platform?.data?.dir} has ${formatBytes(free)} free.`;
}

function whySaveFails({ seen }: Situation) {
  const { run } = seen.platform ?? {};
  return signOf(run, 'fork-failed') ?? signOf(run, 'no-access') ?? signOf(run, 'save-failed') ?? signOf(run, 'aof-write');
}

const primaryNamed = (seen: Observations): string => heardFacts(seen)?.primary ?? 'a primary that it did not name';

/** Its primary is there: making this one a primary, too, would split the data. */
const isRightlyReplica = ({ primary }: Observations): boolean =>
  primary !== undefined && ['serves', 'full', 'misconf', 'loading', 'busy'].includes(primary.verdict);
