import { differencesOf, type Target } from '../model/deployment.ts';

/** What the first step of an operation notes. */
export const createTargetActivities = (own: (instance: string) => Target | undefined) => ({
  /** Whom the worker that took it means, unless the operation says that already and means another one. */
  async recordTarget({ instance, wanted }: { instance: string; wanted?: Target }): Promise<Target | null> {
    const mine = own(instance);
    if (wanted && (!mine || differencesOf(wanted, mine).length > 0)) return wanted;
    return mine ?? null;
  },
});

export type TargetActivities = ReturnType<typeof createTargetActivities>;
