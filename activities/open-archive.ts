import { SegmentProof } from '../redis/log/segment-proof.ts';
import { Archive } from '../repository/archive/archive.ts';
import type { ObjectStore } from '../repository/stores/object-store.ts';
import type { CommandNames } from './replay-log.ts';

/** The archive of one shard, for whoever reads its bytes: each segment that is read is compared with what its header says. */
export const openArchive = (
  store: ObjectStore,
  { name, shard, archive }: { name: string; shard: string; archive?: CommandNames | undefined },
): Archive => new Archive(store, name, shard, (header) => new SegmentProof(header, archive?.renamedCommands));
