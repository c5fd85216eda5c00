import type { SegmentHeader } from '../../model/archive/timeline.ts';
import { archiveCorrupt } from './schema.ts';

/** Follows the bytes of one segment and compares them with its header. */
export interface ProofOfSegment {
  /** The next bytes; none are left out. */
  see(piece: Buffer): void;
  /** At the end: what of the header is not so; undefined for nothing. */
  problem(): string | undefined;
}

/** Begins to follow one. A repository knows no commands: whoever opens an archive to read it brings this along. */
export type ProveSegment = (header: SegmentHeader) => ProofOfSegment;

/** Passes the bytes of a segment on. @throws RecoveryError `ARCHIVE_CORRUPT` at their end if the header contradicts them */
export async function* proven(
  body: AsyncIterable<Buffer>,
  header: SegmentHeader,
  where: string,
  prove?: ProveSegment,
): AsyncGenerator<Buffer> {
  const proof = prove?.(header);
  for await (const piece of body) {
    proof?.see(piece);
    yield piece;
  }
  const problem = proof?.problem();
  if (problem !== undefined) throw archiveCorrupt(where, problem);
}
