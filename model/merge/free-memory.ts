import { formatBytes, formatCount, formatList } from '../format.ts';
import type { Refusal } from '../restore/plan/types.ts';

/** Memory of a living Redis, as it is at one moment. */
export interface Room {
  /** 0: no limit. */
  maxmemoryBytes: number;
  policy: string;
  /** What counts against maxmemory: buffers of replicas and of the log do not. */
  countedBytes: number;
  /** Since Redis started. */
  evictedKeys: number;
}

/** What the keys that are missing would take of Redis, of its machine and of its disk. */
export interface MergeNeeds {
  /** In memory: keys and values, and the tables that grow with them. */
  memoryBytes: number;
  room: Room;
  /** What the machine of Redis could give. Absent: not known from here. */
  machine?: { freeBytes: number; why: string };
  /** Redis writes a log, which grows by at most so much. */
  logs?: { logBytes: number };
  /** Where it writes it. Absent: it writes none, or not known from here. */
  disk?: { freeBytes: number; directory: string; logBytes: number };
}

/** Of maxmemory: others write meanwhile, and must not be refused because of what came back. */
const RESERVE_SHARE = 0.05;

/** What may still come in without eviction and without OOM, with a margin for those who write meanwhile. */
export const freeRoom = ({ maxmemoryBytes, countedBytes }: Room): number =>
  maxmemoryBytes === 0 ? Number.POSITIVE_INFINITY : Math.floor(maxmemoryBytes * (1 - RESERVE_SHARE)) - countedBytes;

/** The smallest maxmemory that leaves the margin. */
export const maxmemoryFor = ({ countedBytes }: Room, moreBytes: number): number =>
  Math.ceil((countedBytes + moreBytes) / (1 - RESERVE_SHARE));

/** What Redis does when it is full, in words that follow a colon. */
export const whenFull = (policy: string): string =>
  policy === 'noeviction'
    ? 'it would refuse every write from then on (noeviction)'
    : `it would evict keys that are newer than those (${policy})`;

/** Everything that forbids to bring so much back. Empty: there is room. */
export function roomRefusals(instance: string, needs: MergeNeeds): Refusal[] {
  return [maxmemoryRefusal(instance, needs), machineRefusal(instance, needs), diskRefusal(instance, needs)].filter(
    (refusal) => refusal !== undefined,
  );
}

/** What nobody could compare: said, because the lines above look as if all had been. */
export function unknownRoom(instance: string, { memoryBytes, machine, disk, logs }: MergeNeeds): string[] {
  const unknown = [
    ...(machine ? [] : ['the memory of its machine']),
    ...(disk || !logs ? [] : [`the disk of its log (up to ${formatBytes(logs.logBytes)} more)`]),
  ];
  if (memoryBytes === 0 || unknown.length === 0) return [];
  return [
    `${formatList(unknown)} could not be looked at from here, so nobody knows whether there is room for the ${formatBytes(memoryBytes)} that come back into ${instance}`,
  ];
}

function maxmemoryRefusal(instance: string, { room, memoryBytes }: MergeNeeds): Refusal | undefined {
  if (memoryBytes === 0 || memoryBytes <= freeRoom(room)) return undefined;
  return {
    code: 'RESTORE_REFUSED',
    message: `the keys that are missing take ${formatBytes(memoryBytes)} of memory, and ${instance} uses ${formatBytes(room.countedBytes)} of its maxmemory of ${formatBytes(room.maxmemoryBytes)}: ${whenFull(room.policy)}`,
    next: `Set maxmemory of ${instance} to at least ${formatCount(maxmemoryFor(room, memoryBytes))} bytes (CONFIG SET maxmemory ${maxmemoryFor(room, memoryBytes)}).`,
  };
}

function machineRefusal(instance: string, { machine, memoryBytes }: MergeNeeds): Refusal | undefined {
  if (!machine || memoryBytes <= machine.freeBytes) return undefined;
  return {
    code: 'RESTORE_REFUSED',
    message: `the keys that are missing take ${formatBytes(memoryBytes)} of memory, and the machine of ${instance} has ${formatBytes(machine.freeBytes)} (${machine.why}): Redis would be killed`,
    next: 'Give the machine or its control group more memory, or stop what else runs there.',
  };
}

function diskRefusal(instance: string, { disk }: MergeNeeds): Refusal | undefined {
  if (!disk || disk.logBytes <= disk.freeBytes) return undefined;
  return {
    code: 'TARGET_DISK_FULL',
    message: `the log of ${instance} would grow by up to ${formatBytes(disk.logBytes)}, and ${disk.directory} has ${formatBytes(disk.freeBytes)} free: Redis would refuse every write`,
    next: `Free ${formatBytes(disk.logBytes - disk.freeBytes)} in the file system of ${disk.directory}.`,
  };
}

/** Bytes that the tables of a database grow by at most, while old and new are there: one slot a key, doubled when full. */
export function tableGrowth(keysNow: number, moreKeys: number): number {
  const slots = (keys: number): number => (keys === 0 ? 0 : 2 ** Math.ceil(Math.log2(keys + 1)));
  const [before, after] = [slots(keysNow), slots(keysNow + moreKeys)];
  return after > before ? SLOT_BYTES * (1.5 * after - before) : 0;
}

const SLOT_BYTES = 8;
