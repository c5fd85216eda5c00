import { foreignText } from '../../archive/log-needs.ts';
import { formatCountOf, formatList } from '../../format.ts';
import { refuse } from './identity.ts';
import { whatIsLoaded } from './loads.ts';
import type { PlanInput, Refusal } from './types.ts';

const BEFORE = 'restore to a moment before it, which `redis-backup restore --until` takes as a time or an offset';

/** Commands of the log that the target would not carry out, each by name. */
export function commandRefusals(input: PlanInput): Refusal[] {
  const { name: instance, target } = input;
  const { commands = [], foreign = [] } = whatIsLoaded(input).log?.needs ?? {};
  const refusals: Refusal[] = [];
  if (foreign.length > 0) {
    refusals.push(
      refuse(
        'LOG_FOREIGN_COMMAND',
        `the log of ${instance} has ${formatCountOf(foreign.length, 'command')} that no replay executes: ${formatList(foreign.map(foreignText))}`,
        `Say in instances.${instance}.archive what a command is (renamedCommands, moduleCommands), or ${BEFORE}.`,
      ),
    );
  }
  const bases = new Set(commands.map((command) => command.split(' ')[0]));
  for (const { name, why, next } of target.commands?.lacking ?? []) {
    if (bases.has(name)) refusals.push(refuse('LOG_REFUSED', `the log has ${name}, which is ${why}`, next));
  }
  return refusals;
}

/** What could not be compared beforehand. The load itself is judged in any case. */
export function commandWarnings(input: PlanInput): string[] {
  const { name: instance, target } = input;
  const { log } = whatIsLoaded(input);
  if (!log || log.bytes === 0) return [];
  if (!log.needs)
    return ['which commands and databases the log has is not known before it is read: a segment of it cannot be read'];
  if (target.commands?.isKnown !== false || !target.reachable) return [];
  return [
    `${instance} could not be asked whether it has the commands of the log (its ACL user has no +command|info): the load itself will tell`,
  ];
}
