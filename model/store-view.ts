/** What the store says to a worker, asked of itself: it may have other keys than whoever runs `check`, or another network. */
export interface StoreView {
  host: string;
  /** Its repository, without credentials. */
  url: string;
  /** Absent: it can write, read, list and delete there. */
  problem?: { code: string; message: string; next: string };
}
