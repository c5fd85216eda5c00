import type { StartUser } from './restore/start-user.ts';

/** What a worker may do on the machine of a Redis, asked of itself: another user, such as root who runs `check`, may do more. */
export interface PlaceRights {
  host: string;
  /** As whom it runs. */
  user: string;
  /** Paths that it may not use, each with what is wanted and why. */
  denied: string[];
  startUser: StartUser;
}
