import type { Client } from '@temporalio/client';

/** When each of these steps of the newest run had its answer for the first time, in seconds from the start: where the time goes. */
export async function endOfSteps(client: Client, workflowId: string, steps: readonly string[]): Promise<Record<string, number>> {
  const { events = [] } = await client.workflow.getHandle(workflowId).fetchHistory();
  const all = events ?? [];
  const msOf = ({ eventTime }: (typeof all)[number]): number =>
    Number(eventTime?.seconds) * 1000 + Number(eventTime?.nanos) / 1e6;
  const begun = all[0] ? msOf(all[0]) : Number.NaN;
  const names = new Map(all.map((one) => [`${one.eventId}`, one.activityTaskScheduledEventAttributes?.activityType?.name]));
  const ended: Record<string, number> = {};
  for (const event of all) {
    const step = names.get(`${event.activityTaskCompletedEventAttributes?.scheduledEventId}`);
    if (step && steps.includes(step)) ended[`${step}EndedSeconds`] ??= (msOf(event) - begun) / 1000;
  }
  return ended;
}
