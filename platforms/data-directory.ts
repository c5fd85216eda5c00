/**
 * The destructive work inside the data directory of a stopped Redis: stage → moveAside → replaceWithRdb → finish, or putBack
 * from anywhere. All by renames inside `<dir>/.redis-backup/<operation id>/`, because a rename needs one file system and a
 * mounted directory cannot be renamed itself. Each step may be killed at any moment and run again; a journal in that
 * folder, written before each change, says how far it came (data-directory/journal.ts).
 * A recovery needs less: setAside → permitEmptyStart, or putBackSetAside; copyAside where the files stay in use; cutLog where the
 * end of a log is damaged.
 */
export { type MovedAside, moveAside } from './data-directory/aside.ts';
export type { BuildAppendDirectory } from './data-directory/build.ts';
export { type CopiedAside, type CopyAsideOptions, copyAside } from './data-directory/copy-aside.ts';
export { type CutAside, type CutLogOptions, cutBefore, cutLog, type LogCut } from './data-directory/cut-log.ts';
export { asDirectOwner, refuseBesideDirect } from './data-directory/direct-lock.ts';
export { type Finished, type FinishOptions, finish } from './data-directory/finish.ts';
export { logBytes, type RestartRecord, readRestart, writeRestart } from './data-directory/last-restart.ts';
export { leftBehind, removeLeftBehind } from './data-directory/left-behind.ts';
export { type LogLook, readLogLook, writeLogLook } from './data-directory/log-look.ts';
export { type DataDirectoryOptions, inOperation } from './data-directory/operation.ts';
export { ownWorkDirectory } from './data-directory/owner.ts';
export { discardStaged, hasMoved, type PutBack, putBack } from './data-directory/put-back.ts';
export { type Replaced, type ReplaceOptions, replaceWithRdb } from './data-directory/replace.ts';
export { deniedIn } from './data-directory/rights.ts';
export {
  noteStart,
  type PutBackSetAside,
  permitEmptyStart,
  putBackSetAside,
  type SetAsideOptions,
  setAside,
} from './data-directory/set-aside.ts';
export { type SpaceReport, spaceReport } from './data-directory/space.ts';
export { type StagedFile, type StageOptions, stagedLog, stagedRdb, stageLog, stageRdb } from './data-directory/stage.ts';
export { type WriteInBlocksOptions, writeInBlocks } from './data-directory/write-in-blocks.ts';
