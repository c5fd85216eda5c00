import { clockDoubt, isFuture, takenAtMs, wasServerAhead } from '../../backup/backup-time.ts';
import { passedOver, passedOverText } from '../../backup/latest.ts';
import type { ServerFacts, SnapshotManifest } from '../../backup/manifest.ts';
import { holdsAsMuch, lostClasses, type RetentionCandidate, toCandidate } from '../../backup/retention.ts';
import { OTHER } from '../../data-class.ts';
import { formatBytes, formatCount, formatCountOf, formatDuration, formatList } from '../../format.ts';
import { compareVersions } from '../rdb-versions.ts';
import { startUserProblems } from '../start-user.ts';
import { alsoOfWarning } from '../target-doubt.ts';
import { unsavedText } from '../unsaved.ts';
import { fillsMaxmemory } from './estimates.ts';
import { sentinelsWatch, type TargetFacts } from './facts.ts';
import { unprovedIdentity } from './identity.ts';
import { liveWarnings } from './live.ts';
import { whatIsLoaded } from './loads.ts';
import { commandWarnings } from './log-needs.ts';
import { nextStartWarnings } from './next-start.ts';
import { believedServer, MAXMEMORY_TOLERANCE, targetDoubtOf, versionJudgement } from './refusals.ts';
import type { PlanInput, RestorePlan } from './types.ts';

/** More than this part of the keys in no class: what their loss means is not known. */
const OTHER_SHARE = 0.2;

/** Room that a Redis wants beyond its data: buffers and fragmentation, and with a log the pages that a rewrite copies. */
const MEMORY_HEADROOM = { 'rdb-file': 1.3, 'append-only-directory': 2 } as const;

/** What does not forbid the restore and should be known before it is approved. */
export function warningsOf(input: PlanInput, plan: RestorePlan): string[] {
  return [
    ...alsoOfWarning(input.name, targetDoubtOf(input)),
    ...unprovedIdentity(input),
    ...backupWarnings(input, plan),
    ...serverWarnings(input),
    ...nextStartWarnings(input),
    ...(input.target.startUser && !input.target.startUser.refused
      ? startUserProblems(input.target.startUser).map(({ message }) => message)
      : []),
    ...commandWarnings(input),
    ...(input.live
      ? liveWarnings(input.name, input.live, {
          replicas: input.target.replicas.length,
          logBytes: whatIsLoaded(input).log?.bytes ?? 0,
          rdbBytes: whatIsLoaded(input).rdb.bytes,
        })
      : [...aroundWarnings(input), ...roomWarnings(input, plan)]),
    ...classWarnings(plan),
  ];
}

function backupWarnings(input: PlanInput, { losses }: RestorePlan): string[] {
  const { manifest, others, nowMs } = input;
  const found = [...(input.doubts ?? []), ...fullerBackup(input), ...notTaken(input)];
  const [newest] = losses.newerBackups;
  if (newest) {
    const gained = Date.parse(newest.takenAt) - losses.writes.fromMs;
    found.push(
      `${formatCountOf(losses.newerBackupCount, 'newer backup')} of this instance: ${newest.backupId} is ${formatDuration(gained)} younger and holds ${formatCountOf(newest.keys, 'key')}`,
    );
  }
  const isDoubted = (one: SnapshotManifest): boolean =>
    isFuture(one, nowMs) || (wasServerAhead(one) && takenAtMs(one) > takenAtMs(manifest));
  const doubted = others.filter((one) => one.backupId !== manifest.backupId && isDoubted(one));
  found.push(...[manifest, ...doubted].map((one) => clockDoubt(one, nowMs)).filter((doubt) => doubt !== undefined));
  const { product, version } = manifest.server;
  if (input.log && product === 'redis' && compareVersions(version, '7.0') < 0) {
    found.push(
      `Redis ${version} writes into its log how long keys live, and not until when: that is counted from when the worker got it, so what was written while no worker followed lives longer, by that time`,
    );
  }
  if (manifest.rdb.crc64 === 'unchecked') {
    found.push(
      'the RDB has no checksum of its own (rdbchecksum no where it was taken, or a Redis before 2.6): only damage after the backup would be noticed',
    );
  }
  if (!manifest.rdb.parsed)
    found.push(`the keys were not all counted (${manifest.rdb.unparsed ?? 'unknown type'}): the count at the end is no proof`);
  return found;
}

/** A Redis that had lost its data may have been backed up since: then the backup that is wanted is an older one. */
function fullerBackup({ manifest, others }: PlanInput): string[] {
  const chosen = toCandidate(manifest);
  const [fuller] = others
    .map(toCandidate)
    .filter((one) => one.reason !== 'safety' && one.takenAtMs < chosen.takenAtMs && !holdsAsMuch(chosen, one))
    .sort((a, b) => b.takenAtMs - a.takenAtMs);
  if (!fuller) return withClasses(chosen, others.map(toCandidate));
  return [
    `an older backup, ${fuller.backupId}, holds ${formatCountOf(fuller.keys, 'key')} and this one ${formatCount(chosen.keys)}; Redis may have lost its data in between`,
  ];
}

/** Why `latest` is not the newest. */
function notTaken({ asksLatest, log, manifest, others, nowMs }: PlanInput): string[] {
  if (!asksLatest || log) return [];
  const found = passedOver(others, nowMs);
  return found?.latest.backupId === manifest.backupId ? [passedOverText(found)] : [];
}

function withClasses(chosen: RetentionCandidate, others: readonly RetentionCandidate[]): string[] {
  const before = others
    .filter((one) => one.reason !== 'safety' && one.takenAtMs < chosen.takenAtMs && lostClasses(chosen, one).length > 0)
    .sort((a, b) => b.takenAtMs - a.takenAtMs)[0];
  if (!before) return [];
  const lost = (before.classes ?? []).filter(({ name }) => lostClasses(chosen, before).includes(name));
  return [
    `an older backup, ${before.backupId}, holds ${formatList(lost.map(({ name, keys }) => `${formatCount(keys)} ${name}`))}, and this one less than a tenth of them: were they lost in between?`,
  ];
}

function serverWarnings(input: PlanInput): string[] {
  const { target, manifest } = input;
  const found: string[] = [];
  const uncounted = target.keysNow?.uncounted;
  if (uncounted !== undefined) found.push(`what ${input.name} holds now was not counted by data class: ${uncounted}`);
  const { verdict, why } = versionJudgement(input);
  if (verdict === 'probably') found.push(`whether the server reads this RDB is not certain: ${why}`);
  if (!target.server) {
    found.push(
      `Redis does not answer, so version, modules and databases are taken ${believedServer(input).source}, and what it holds now is not known`,
    );
    if (!input.live)
      found.push(
        `what is on its disk may be newer than this backup, and is replaced: \`redis-backup recover ${input.name} --dry-run\` says what starting Redis with it would lose`,
      );
    if (target.processRunning) found.push('a process is there that does not answer: it will be ended without a safety snapshot');
  }
  if (target.clockOffsetMs === undefined)
    found.push("the server's clock could not be compared with ours; it is compared before the counts are judged");
  if (target.server?.unasked) found.push(unaskedText(target.server.unasked));
  const policy = target.server?.policy.appendonly ? target.server.policy : undefined; // empty: it could not be asked
  if (input.live) return found; // nobody starts it, so its configuration file says nothing
  found.push(...unsavedWarnings(target));
  if (policy && (policy.appendonly === 'yes') !== target.layout.appendonly) {
    found.push(
      `appendonly is ${policy.appendonly} now and ${target.layout.appendonly ? 'yes' : 'no'} in the configuration file: the restored Redis starts with the latter`,
    );
  }
  if (policy && !target.layout.appendonly && policy.dbfilename !== target.layout.dbfilename) {
    found.push(
      `dbfilename is ${policy.dbfilename} now and ${target.layout.dbfilename} in the configuration file: the latter is replaced`,
    );
  }
  const changed = (['save', 'appendonly', 'appendfsync'] as const).filter(
    (name) => policy && manifest.server.policy.appendonly && policy[name] !== manifest.server.policy[name],
  );
  if (policy && changed.length > 0) {
    found.push(
      `changed since the backup: ${formatList(changed.map((name) => `${name} from "${manifest.server.policy[name]}" to "${policy[name]}"`))}`,
    );
  }
  return found;
}

/** A signal saves only with save points. */
export function unsavedWarnings({ lacksSave, server, unsaved }: TargetFacts): string[] {
  const policy = server?.policy.appendonly ? server.policy : undefined; // empty: it could not be asked
  if (!lacksSave || policy?.save || unsaved?.changes === 0) return [];
  const lost = unsaved ? `${unsavedText(unsaved)} (as of now)` : 'what was written since its last save';
  return [
    `it cannot be told to save when it is stopped: ${formatList(lacksSave)} ${lacksSave.length > 1 ? 'are disabled there or have other names' : 'is disabled there or has another name'}, and no save points are known: if the old data is put back, ${lost} is missing; the safety snapshot has what stood there until it was taken`,
  ];
}

/** What a server could not be asked, and what stands in its place. */
export const unaskedText = ({ commands, from }: NonNullable<ServerFacts['unasked']>): string =>
  `${formatList(commands)} is disabled there, or has another name: ${
    from ? `settings are those of its ${from}, as they were at its start` : 'its settings are not known'
  }`;

function aroundWarnings({ target, name: instance }: PlanInput): string[] {
  const found: string[] = [];
  if (target.replicas.length > 0) {
    found.push(`connected replicas (${target.replicas.join(', ')}) lose what they hold and copy the restored data`);
  }
  if (target.sentinels && target.replicas.length === 0)
    found.push(`${sentinelsWatch(target.sentinels)} ${instance} and will see it go down`);
  if (target.reachable && target.sentinels === undefined && target.replicas.length > 0)
    found.push('whether a Sentinel watches it could not be asked (+pubsub|numsub): it would promote a replica meanwhile');
  if (target.applications.length === 0)
    found.push('no application is configured, so whether clients reach the restored Redis will not be verified');
  return found;
}

function roomWarnings({ target, ...input }: PlanInput, { memory, space, mode }: RestorePlan): string[] {
  const found: string[] = [];
  const loads = whatIsLoaded(input);
  const { bytes } = loads.rdb;
  const wanted = memory.neededBytes * MEMORY_HEADROOM[mode];
  const { availableBytes } = memory;
  if (availableBytes !== undefined && availableBytes >= memory.neededBytes && availableBytes < wanted) {
    found.push(
      `memory is tight: the data takes ${formatBytes(memory.neededBytes)}, ${formatBytes(wanted)} are comfortable, ${formatBytes(availableBytes)} are ${memory.availableWhy}`,
    );
  }
  const max = target.server?.maxmemoryBytes ?? 0;
  if (fillsMaxmemory(loads, target) && memory.neededBytes <= max * MAXMEMORY_TOLERANCE) {
    const policy = target.server?.maxmemoryPolicy;
    found.push(
      `the data (${formatBytes(memory.neededBytes)}) fills maxmemory (${formatBytes(max)}): ${policy === 'noeviction' ? 'writes may be refused soon' : `${policy} may evict restored keys`}`,
    );
  }
  if (mode === 'rdb-file' && space.freeBytes >= space.neededBytes && space.freeBytes < space.neededBytes + bytes) {
    found.push(
      `the disk has no room for the first BGSAVE after the restore (${formatBytes(space.freeBytes - space.neededBytes)} left, ${formatBytes(bytes)} needed): writes would then be refused with MISCONF`,
    );
  }
  return found;
}

function classWarnings({ outcome, keysInBackup }: RestorePlan): string[] {
  const none = outcome.classes.filter(({ name, inBackup }) => name !== OTHER && inBackup === 0).map(({ name }) => name);
  const other = outcome.classes.find(({ name }) => name === OTHER);
  return [
    ...(none.length > 0 && keysInBackup > 0
      ? [`no key of the backup is one of ${formatList(none)}: check their patterns before you take this for no loss`]
      : []),
    ...(other && other.inBackup > keysInBackup * OTHER_SHARE
      ? [`${formatCountOf(other.inBackup, 'key')} of the backup are in no data class: what losing them means is not known`]
      : []),
  ];
}
