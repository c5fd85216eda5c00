import { unknownCommandIn } from '../../restore/load-log.ts';
import {
  answered,
  failedStart,
  gone,
  howItEnded,
  lastWords,
  logged,
  memoryDoubt,
  missedByAll,
  said,
  unstartableText,
  whatItWillLoad,
  withPlace,
} from '../evidence.ts';
import { signOf } from '../log-signatures.ts';
import type { PlatformObservations } from '../observations.ts';
import { planRestart } from '../plan-start.ts';
import type { Situation } from '../situation.ts';
import { lossOfItsStart, lossOfKept } from '../worst-loss.ts';
import { CONNECTIONS_REFUSED, type FailureClassRow, nothingIsDone, onItsMachine, sinceItsEnd } from './row.ts';

/** A Redis that does not start, or is not there. */
export const DOWN = {
  'data-too-new': {
    title: 'the data was written by a newer Redis than this one',
    clients: CONNECTIONS_REFUSED,
    restartHelps: false,
    serves: 'no',
    explains: 'cause',
    process: 'either',
    filesStay: false,
    advisedAfterwards: false,
    diagnose: (situation) => failedStart(situation, ['rdb-version']),
    advice: () => [
      'Start the version of Redis that wrote the data, or a newer one; the data itself is good. What changed is the program.',
    ],
    since: sinceItsEnd,
    worstLoss: lossOfKept,
    actions: nothingIsDone,
    byItself: null,
    asked: null,
    you: 'Start the version that wrote the data; the data is good.',
  },

  'module-missing': {
    title: 'the data needs a module that this Redis does not have',
    clients: CONNECTIONS_REFUSED,
    restartHelps: false,
    serves: 'no',
    explains: 'cause',
    process: 'either',
    filesStay: false,
    advisedAfterwards: false,
    diagnose: (situation) => failedStart(situation, ['module-type', 'module-command']),
    advice: () => [
      'Install the module that the data needs, and load it (loadmodule) before Redis is started; the data itself is good.',
    ],
    since: sinceItsEnd,
    worstLoss: lossOfKept,
    actions: nothingIsDone,
    byItself: null,
    asked: null,
    you: 'Install and load the module; the data is good.',
  },

  'log-refused': {
    title: 'its append-only log has a command that this Redis does not have',
    clients: CONNECTIONS_REFUSED,
    restartHelps: false,
    serves: 'no',
    explains: 'cause',
    process: 'either',
    filesStay: false,
    advisedAfterwards: false,
    diagnose: (situation) => failedStart(situation, ['aof-command'], [whyRefused(situation)]),
    advice: () => [
      'Let this Redis have the command again, then start it: its data is good and is not touched. Who wants to be served before that starts it elsewhere, empty, and brings back what a backup has.',
    ],
    since: sinceItsEnd,
    worstLoss: lossOfKept,
    actions: nothingIsDone,
    byItself: null,
    asked: null,
    you: 'Remove the `rename-command` line that its page names, then start it; the data is good.',
  },

  'bad-configuration': {
    title: 'Redis refuses its configuration',
    clients: 'Connections are refused, or turned away.',
    restartHelps: false,
    serves: 'no',
    explains: 'cause',
    process: 'either',
    filesStay: false,
    advisedAfterwards: false,
    diagnose: (situation) => {
      const answer = answered(situation, 'protected');
      if (answer) return [said(answer)];
      return failedStart(situation, ['module-load', 'config-file', 'acl', 'tls', 'cluster-config', 'databases']);
    },
    advice: (situation) => [
      situation.kind === 'answers'
        ? 'Redis came up without a password and answers only its own machine: set requirepass or ACL users, or `protected-mode no` and `bind`.'
        : withPlace(situation, 'Correct the configuration as its log says: a restart alone fails in the same way.'),
    ],
    since: sinceItsEnd,
    worstLoss: lossOfKept,
    actions: nothingIsDone,
    byItself: null,
    asked: null,
    you: 'Correct what its log names.',
  },

  'oom-killed': {
    title: 'the kernel killed Redis because its memory limit was reached',
    clients: CONNECTIONS_REFUSED,
    restartHelps: true,
    serves: 'no',
    explains: 'cause',
    process: 'either',
    filesStay: false,
    advisedAfterwards: true,
    diagnose: (situation) => {
      if (situation.kind !== 'ended') return failedStart(situation, ['own-memory']);
      const { platform } = situation;
      const memory = outOfMemory(platform);
      return memory === undefined ? undefined : [memory, gone(platform), unstartableText(platform)];
    },
    advice: (situation) => [
      'Raise the memory limit of machine or container, or lower maxmemory: else it is killed again. Room for a fork is about the memory that is written during a save.',
      ...correction(situation),
    ],
    since: sinceItsEnd,
    worstLoss: lossOfItsStart,
    actions: onItsMachine(planRestart),
    byItself: 'Starts it, once in `restartEvery`.',
    asked: null,
    you: 'Raise the memory limit, or lower maxmemory.',
  },

  'cannot-start': {
    title: 'Redis ends while it starts, for a reason that is not known here',
    clients: CONNECTIONS_REFUSED,
    restartHelps: true,
    serves: 'no',
    explains: 'cause',
    process: 'either',
    filesStay: false,
    advisedAfterwards: false,
    diagnose: (situation) => {
      if (situation.kind !== 'ended' || !endedWhileStarting(situation.platform)) return undefined;
      const { platform } = situation;
      return [gone(platform), howItEnded(platform), lastWords(platform.run), unstartableText(platform)];
    },
    advice: (situation) => [
      'Read the log of Redis; a second failed start changes nothing for the better.',
      ...correction(situation),
    ],
    since: sinceItsEnd,
    worstLoss: lossOfItsStart,
    actions: onItsMachine(planRestart),
    byItself: 'Starts it, once in `restartEvery`.',
    asked: null,
    you: 'Read its log.',
  },

  dead: {
    title: 'Redis is not running',
    clients: CONNECTIONS_REFUSED,
    restartHelps: true,
    serves: 'no',
    explains: 'symptom',
    process: 'either',
    filesStay: false,
    advisedAfterwards: false,
    diagnose: (situation) => {
      if (situation.kind === 'mended') {
        const { platform, mended, fatal } = situation;
        return [mended, logged(fatal.line), gone(platform), ...whatItWillLoad(platform.data)];
      }
      if (situation.kind !== 'ended') return missedByAll(situation, 'refused');
      const { platform } = situation;
      return [
        unstartableText(platform),
        gone(platform),
        howItEnded(platform),
        memoryDoubt(platform),
        ...whatItWillLoad(platform.data),
      ];
    },
    advice: (situation) =>
      situation.kind === 'unseen'
        ? ['Start or restart it where it runs: no worker of redis-backup sees its machine.']
        : correction(situation),
    since: sinceItsEnd,
    worstLoss: lossOfItsStart,
    actions: onItsMachine(planRestart),
    byItself: 'Starts it, once in `restartEvery`.',
    asked: null,
    you: null,
  },
} satisfies Record<string, FailureClassRow>;

/** Where it is not the configuration, it is what wrote the log, or a damage that made one name of another. */
function whyRefused(situation: Situation): string | undefined {
  if (situation.kind !== 'start-failed') return undefined;
  const { disabledBy } = situation.platform;
  const command = unknownCommandIn([situation.fatal.line]) ?? '';
  return disabledBy === undefined
    ? `Its redis.conf does not disable ${command}: the log was written by a newer Redis, by one with a module or with other rename-command lines; a name that nobody knows may be a damage.`
    : `${command} is disabled or renamed by ${disabledBy} (rename-command).`;
}

function outOfMemory({ end, run }: PlatformObservations): string | undefined {
  if (end?.oom === 'yes') return `The kernel killed it for memory: ${end.oomWhy}.`;
  const own = signOf(run, 'own-memory');
  return own && `It got no memory: ${own.line}`;
}

/** Not if somebody ended it on the way: that says nothing against the next start. */
function endedWhileStarting({ run, end, server }: PlatformObservations): boolean {
  if (server.crashLoop) return true;
  if (!run || run.ready) return false;
  if (signOf(run, 'asked-to-end') || end?.signal === 'SIGKILL' || end?.signal === 'SIGTERM') return false;
  return end?.code !== undefined || end?.signal !== undefined || signOf(run, 'crash') !== undefined;
}

/** It is started all the same, and most likely refused. */
const correction = (situation: Situation): string[] =>
  situation.kind === 'ended' && unstartableText(situation.platform)
    ? ['Correct what Redis complains of in its configuration, then start it: its data is not touched.']
    : [];
