import { userInfo } from 'node:os';

/** The login name of whoever runs this command, also under sudo and where nothing sets USER. */
export function loginName(env: NodeJS.ProcessEnv = process.env): string {
  if (env.SUDO_USER) return env.SUDO_USER;
  try {
    return userInfo().username;
  } catch {
    return env.USER ?? `user ${process.getuid?.() ?? 'unknown'}`; // a user id without an entry in /etc/passwd
  }
}
