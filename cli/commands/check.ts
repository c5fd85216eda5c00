import type { CommandSpec } from '../command.ts';
import { SOME_INSTANCES } from './instance-argument.ts';
export const check: CommandSpec = {
  name: 'check',
  about: '',
  arguments: [SOME_INSTANCES],
  options: [],
  run: async () => undefined,
};
