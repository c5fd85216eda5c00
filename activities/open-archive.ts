import type { ShardRef } from '../model/shard.ts';
import { SegmentProof } from '../redis/log/segment-proof.ts';
import type { Archive } from '../repository/archive/archive.ts';
import type { Repository } from '../repository/repository.ts';
import type { LogCommands } from './restore/replay-log.ts';

/** The archive of one shard, for whoever reads its bytes: each segment that is read is compared with what its header says. */
export const openArchive = (repository: Pick<Repository, 'archive'>, of: ShardRef, commands: LogCommands | undefined): Archive =>
  repository.archive(of, (header) => new SegmentProof(header, commands?.renamedCommands));
