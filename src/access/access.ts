import { SetMetadata } from '@nestjs/common';
import type { Role } from '#contracts';

/**
 * Who may call a route. `public`: anybody. `signed-in`: any account. `scrape`: an admin, or who holds the metrics token.
 * `roles`: an account with at least one of them. `basic` takes an e-mail address and a password in place of a token; `challenge` asks for them, so that
 * programs and browsers do. `recent`: for who has signed in lately.
 */
export type AccessRule =
  | 'public'
  | 'signed-in'
  | 'scrape'
  | {
      readonly roles: readonly Role[];
      readonly basic?: boolean;
      readonly challenge?: boolean;
      readonly recent?: boolean;
    };

export const ACCESS = 'tessera:access';

/** Stands on every route. One without it is not reachable, and stops the start. */
export const Access = (rule: AccessRule): MethodDecorator => SetMetadata(ACCESS, rule);

/** For every file and cloud call. */
export const USERS: AccessRule = { roles: ['user'], basic: true };
/** For the door that programs knock at with a password. */
export const DAV_USERS: AccessRule = { roles: ['user'], basic: true, challenge: true };
/** For what binds an account to a cloud, or takes one from it. */
export const RECENT_USERS: AccessRule = { roles: ['user'], basic: true, recent: true };
export const ADMINS: AccessRule = { roles: ['admin'] };

export function inWords(rule: AccessRule): string {
  if (rule === 'public') return 'anybody';
  if (rule === 'signed-in') return 'any account';
  if (rule === 'scrape') return 'an admin, or who holds the metrics token';
  const lately = rule.recent === true ? ', signed in within the last two hours' : '';
  return `accounts with the role ${rule.roles.join(' or ')}${lately}`;
}
