import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/index.js';
import { AccountHooks } from './account-hooks.js';
import { Accounts } from './accounts.js';
import { AppPasswords } from './app-passwords.js';
import { BasicSignIn } from './basic-sign-in.js';
import { FirstAccount } from './first-account.js';
import { OneTimeLinks } from './one-time-links.js';
import { PasswordCheck } from './password-check.js';
import { Passwords } from './passwords.js';
import { Remembered } from './remembered.js';
import { RetireAccount } from './retire-account.js';
import { Sessions } from './sessions.js';
import { SetUp } from './set-up.js';
import { SignIn } from './sign-in.js';
import { SignInLimiter } from './sign-in-limiter.js';

/**
 * Who you are. Knows accounts and their roles, passwords, sessions, app passwords and one-time links, and slows down who
 * guesses. Does not know what an account may call (access), nor what it owns (files, connections): later rooms add what a
 * new account needs through a hook, inside the transaction that makes it.
 */
@Module({
  imports: [AuditModule],
  providers: [
    AccountHooks,
    Accounts,
    AppPasswords,
    BasicSignIn,
    FirstAccount,
    OneTimeLinks,
    PasswordCheck,
    Passwords,
    Remembered,
    RetireAccount,
    Sessions,
    SetUp,
    SignIn,
    SignInLimiter,
  ],
  exports: [
    AccountHooks,
    Accounts,
    AppPasswords,
    BasicSignIn,
    FirstAccount,
    Passwords,
    RetireAccount,
    Sessions,
    SetUp,
    SignIn,
    SignInLimiter,
  ],
})
export class AccountsModule {}
