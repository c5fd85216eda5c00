import { defaultPayloadConverter, type Headers } from '@temporalio/common';
import type { ActivityExecuteInput, ActivityInboundCallsInterceptor, Next } from '@temporalio/worker';
import { requireSame, TARGET, type Target } from '../model/deployment.ts';

type OwnTarget = (instance: string) => Target | undefined;

/**
 * Before every step: does this worker mean the Redis and the repository that the operation was started for? If not, nothing is
 * touched, and the step is tried again: while a changed configuration is rolled out, another worker has the right one.
 */
export class TargetGuard implements ActivityInboundCallsInterceptor {
  readonly #own: OwnTarget;

  constructor(own: OwnTarget) {
    this.#own = own;
  }

  async execute(input: ActivityExecuteInput, next: Next<ActivityInboundCallsInterceptor, 'execute'>): Promise<unknown> {
    const wanted = targetIn(input.headers);
    if (wanted) requireSame(wanted, this.#own(wanted.instance));
    return next(input);
  }
}

function targetIn(headers: Headers): Target | undefined {
  const payload = headers[TARGET];
  return payload && defaultPayloadConverter.fromPayload<Target>(payload);
}
