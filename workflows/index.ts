/** The workflow types that a worker offers, by the names that people start them with. */
export { instanceLock } from './instance-lock.ts';
