import { formatCountOf, formatTime } from '../format.ts';

/** What a Redis without a log holds that no file of it has. */
export interface Unsaved {
  /** Writes since then, each of which may be of several keys. */
  changes: number;
  /** When it saved last; when it started, where it never has. */
  savedAtMs: number;
}

export const unsavedText = ({ changes, savedAtMs }: Unsaved): string =>
  `${formatCountOf(changes, 'change')} since its last save at ${formatTime(savedAtMs, 'seconds')}`;
