import type { Activities } from '../../activities/index.ts';
import type { Beside, Part, Placement } from '../../model/placement.ts';
import type { PRESETS } from './presets.ts';

export type StepName = keyof Activities;
export type StepInput<K extends StepName> = Parameters<Activities[K]>[0];
export type StepResult<K extends StepName> = Awaited<ReturnType<Activities[K]>>;

type Place = Part | 'beside';

interface StepKind {
  /** How it is tried. */
  preset: keyof typeof PRESETS;
  /** Where it is done, or one of where. Absent: anywhere. No step is done at two places. */
  part?: Place | readonly Place[];
  /** It is given FINISH_WITHIN to be finished when it is cancelled, and does not begin after a cancellation. */
  destructive?: true;
  /** Of the files: they are only looked at. */
  readOnly?: true;
}

const control = { part: 'control' } as const;
const files = { part: 'files' } as const;
const looksAtFiles = { part: 'files', readOnly: true } as const;
const beside = { part: 'beside' } as const;

/** Every step. Both end within seconds of a cancellation, in the middle if need be: those that are destructive, and those that are not. */
export const STEP_TABLE = {
  whichShard: { preset: 'patient' },
  listShards: { preset: 'patient' },
  openPlacement: { preset: 'patient' },
  closePlacement: { preset: 'undo' },
  openBeside: { preset: 'patient' },

  assessSnapshot: { preset: 'quick' },
  storeSnapshot: { preset: 'transfer' },
  storeSavedSnapshot: { preset: 'transfer', ...files },
  verifySnapshot: { preset: 'transfer' },
  publishSnapshot: { preset: 'quick' },
  putBackRdbCompression: { preset: 'undo' },
  applyRetention: { preset: 'transfer' },

  examineControl: { preset: 'healthCheck', ...control },
  examineFiles: { preset: 'healthCheck', ...looksAtFiles },
  examineStore: { preset: 'quick' },
  foreseeServer: { preset: 'place', ...control },
  foreseeFiles: { preset: 'place', ...looksAtFiles },
  foreseeRestore: { preset: 'quick' },
  foreseeBeside: { preset: 'place', ...beside },

  surveyTarget: { preset: 'place', ...control },
  surveyFiles: { preset: 'place', ...looksAtFiles },
  planRestore: { preset: 'quick' },
  approveRestore: { preset: 'quick' },
  rehearse: { preset: 'place', part: ['files', 'beside'], readOnly: true }, // in a directory of its own
  discardRehearsal: { preset: 'healthCheck', part: ['files', 'beside'], readOnly: true },

  stageBackup: { preset: 'place', ...files },
  discardStaged: { preset: 'undo', ...files },
  requireRoom: { preset: 'place', ...looksAtFiles },
  readyToStop: { preset: 'place', ...control },
  stopServer: { preset: 'place', ...control },
  requireStopped: { preset: 'place', ...control },
  replaceData: { preset: 'place', ...files },
  startServer: { preset: 'place', ...control },
  awaitServing: { preset: 'place', ...control },
  verifyCounts: { preset: 'place', ...control },
  verifyApplications: { preset: 'place', part: ['control', 'beside'] },
  finishRestore: { preset: 'place', ...files },
  hasMovedData: { preset: 'undo', ...looksAtFiles },
  endRefused: { preset: 'undo', ...control },
  putBackFiles: { preset: 'undo', ...files },
  serveAgain: { preset: 'undo', ...control },

  surveyLive: { preset: 'place', ...beside },
  stageLive: { preset: 'place', ...beside },
  discardLive: { preset: 'undo', ...beside },
  readLiveSettings: { preset: 'place', ...beside },
  loadLive: { preset: 'place', ...beside }, // a cancellation before Redis has the data is obeyed, one after it ignored, by the step itself
  putBackLive: { preset: 'undo' },
  loadSafetyBack: { preset: 'undo', ...beside },
  verifyLive: { preset: 'place', ...beside },
  awaitOwnPersistence: { preset: 'place', ...beside },

  followStream: { preset: 'archive' },
  compactArchive: { preset: 'transfer' },
  detachArchiver: { preset: 'quick' },
  attachArchiver: { preset: 'undo' },

  assessAof: { preset: 'place', ...control },
  storeAof: { preset: 'place', ...files },
  publishAof: { preset: 'quick' },
  putBackAofRewrites: { preset: 'undo' },
  removeAofPins: { preset: 'undo', ...files },

  planMerge: { preset: 'transfer' },
  rehearseMerge: { preset: 'copy', ...beside },
  mergeClasses: { preset: 'copy', ...beside },
  removeThrowaway: { preset: 'undo', ...beside },

  observeFromControl: { preset: 'healthCheck', ...control },
  observeFiles: { preset: 'healthCheck', ...looksAtFiles },
  observeHolder: { preset: 'healthCheck' },
  assessFailure: { preset: 'patient' },
  observeServer: { preset: 'recovery', ...control },
  endUnsaved: { preset: 'recovery', ...control, destructive: true },
  copyAside: { preset: 'recovery', ...files, destructive: true },
  setAside: { preset: 'recovery', ...files, destructive: true },
  putBackAside: { preset: 'undo', ...files },
  startAgain: { preset: 'undo', ...control },
  refuseEmptyStart: { preset: 'recovery', ...control },
  permitEmptyStart: { preset: 'recovery', ...files },
  startEmpty: { preset: 'recovery', ...control, destructive: true },
  readRestart: { preset: 'recovery', ...looksAtFiles },
  decideRestart: { preset: 'recovery', ...control },
  refuseLesserStart: { preset: 'recovery', ...control },
  noteRestart: { preset: 'recovery', ...files },
  endServer: { preset: 'recovery', ...control, destructive: true },
  startOnce: { preset: 'recovery', ...control, destructive: true },
  rebuildManifest: { preset: 'recovery', ...files, destructive: true },
  refuseBesideDirect: { preset: 'recovery', ...looksAtFiles },
  putBackUnfinished: { preset: 'recovery', ...files, destructive: true },
  mendLog: { preset: 'recovery', ...files, destructive: true },
  detachReplicas: { preset: 'quick', destructive: true },
  promoteReplica: { preset: 'quick', destructive: true },
  makePrimary: { preset: 'quick', destructive: true },
  killScript: { preset: 'quick', destructive: true },
  awaitServingAgain: { preset: 'recovery', ...control },
  awaitServesFromAfar: { preset: 'recovery' },
  watchConnectivity: { preset: 'watch' },
  recordBaseline: { preset: 'remember' },
  findBaseline: { preset: 'quick' },
  decideData: { preset: 'observe' },
  forecastSignIns: { preset: 'quick' },
  watchServing: { preset: 'watch' },
  watchWarmup: { preset: 'watch' },
  watchAuthentication: { preset: 'watch' },
  watchInstance: { preset: 'guard' },
  observeInstance: { preset: 'quick' },
  observeProcess: { preset: 'healthCheck', ...control },
} as const satisfies Record<StepName, StepKind>;

/** The same for whoever does not know which step it is. */
export const kindOf = (step: StepName): StepKind => STEP_TABLE[step];

type PlacesOf<K extends StepName> = (typeof STEP_TABLE)[K] extends { part: infer P }
  ? P extends readonly (infer U)[]
    ? U
    : P
  : never;

/** What names the place of a step. `never`: it has none. */
export type At<K extends StepName> =
  PlacesOf<K> extends infer P ? (P extends Part ? Placement<P> : P extends 'beside' ? Beside : never) : never;

/** Where a step is done: one that has a place cannot be called without it, and one that has none cannot be given one. */
export type AtArg<K extends StepName> = [PlacesOf<K>] extends [never] ? { at?: never } : { at: At<K> };

export interface StepOptions {
  /** What a person reads in the Web UI while it runs. */
  summary: string;
  /** This instance must answer: one that has gone away is asked for a moment, and then the step has failed. */
  serving?: string;
}

/** How one step is run, and where. */
export type How<K extends StepName> = StepOptions & AtArg<K>;

/** Runs one step. */
export type RunStep = <K extends StepName>(step: K, input: StepInput<K>, how: How<K>) => Promise<StepResult<K>>;
