import { defineSignal } from '@temporalio/workflow';

export const goSignal = defineSignal('go');
