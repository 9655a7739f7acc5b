import { z } from 'zod';
import { ByteCount, Id, Moment, nextCursor, PageQuery } from './common.js';

export const Role = z
  .enum(['user', 'admin', 'auditor'])
  .describe('`user` has files and clouds, `admin` looks after accounts and the gateway, `auditor` reads the record.');
export type Role = z.infer<typeof Role>;

/** Loose on purpose: whether an address takes mail only mail can tell. */
export const Email = z
  .string()
  .trim()
  .normalize('NFC')
  .max(254)
  .regex(/^[^\s@\p{Cc}\p{Cs}]+@[^\s@\p{Cc}\p{Cs}]+$/u, 'must be an e-mail address');

/** The upper bound keeps one sign-in from hashing megabytes. */
export const Password = z.string().min(1).max(512);
export const NewPassword = z
  .string()
  .max(512)
  .describe('At least 8 characters, none of the well-known ones, unlike the e-mail address.');

const Roles = z
  .array(Role)
  .max(3)
  .refine((roles) => new Set(roles).size === roles.length, 'names a role twice');

export const Account = z.object({
  id: Id,
  email: z.string(),
  roles: z.array(Role),
  quotaBytes: ByteCount.nullable().describe('Null means without limit.'),
  createdAt: Moment,
});
export type Account = z.infer<typeof Account>;

export const SignInRequest = z.strictObject({
  email: z.string().max(1024),
  password: Password,
  code: z.string().max(64).optional().describe('The second factor, for an account that has one.'),
});
export type SignInRequest = z.infer<typeof SignInRequest>;

export const SignInAnswer = z.object({
  token: z.string().describe('For `Authorization: Bearer`. Shown once; only its hash is kept.'),
  expiresAt: Moment,
  account: Account,
});
export type SignInAnswer = z.infer<typeof SignInAnswer>;

export const PasswordChange = z.strictObject({ currentPassword: Password, newPassword: NewPassword });
export type PasswordChange = z.infer<typeof PasswordChange>;

export const SetUpRequest = z.strictObject({
  token: z.string().max(128),
  email: Email.optional().describe('For the first account; a link that sets a password knows whose it is.'),
  password: NewPassword,
});
export type SetUpRequest = z.infer<typeof SetUpRequest>;

export const AppPasswordRequest = z.strictObject({ label: z.string().trim().min(1).max(100) });
export type AppPasswordRequest = z.infer<typeof AppPasswordRequest>;

export const NewAppPassword = z.object({
  id: Id,
  label: z.string(),
  username: z.string(),
  password: z.string().describe('Shown once; only its hash is kept.'),
  createdAt: Moment,
});
export type NewAppPassword = z.infer<typeof NewAppPassword>;

export const AppPassword = z.object({
  id: Id,
  label: z.string(),
  createdAt: Moment,
  lastUsedAt: Moment.nullable().describe('Exact to about a minute.'),
});
export type AppPassword = z.infer<typeof AppPassword>;
export const AppPasswordList = z.object({ items: z.array(AppPassword) });
export type AppPasswordList = z.infer<typeof AppPasswordList>;

/** An admin's view of an account: never its files, never its clouds. */
export const User = Account.extend({
  disabled: z.boolean(),
  hasPassword: z.boolean(),
  lastSignInAt: Moment.nullable(),
  updatedAt: Moment,
  setPasswordLink: z
    .object({ url: z.string(), expiresAt: Moment })
    .optional()
    .describe('One-time, in the answer that made it only.'),
});
export type User = z.infer<typeof User>;

export const UserPage = z.object({ items: z.array(User), nextCursor });
export type UserPage = z.infer<typeof UserPage>;

export const UserQuery = PageQuery.extend({
  search: z.string().max(254).optional().describe('A part of the e-mail address.'),
});
export type UserQuery = z.infer<typeof UserQuery>;

export const NewUser = z.strictObject({
  email: Email,
  password: NewPassword.optional().describe('Without it the answer holds a one-time link that sets one.'),
  roles: Roles,
  quotaBytes: ByteCount.nullable().optional(),
});
export type NewUser = z.infer<typeof NewUser>;

export const UserChange = z.strictObject({
  roles: Roles.optional(),
  quotaBytes: ByteCount.nullable().optional(),
  disabled: z.boolean().optional(),
  resetPassword: z
    .literal(true)
    .optional()
    .describe('Makes a one-time link that sets the password. Only while nobody has signed in to the account yet.'),
});
export type UserChange = z.infer<typeof UserChange>;

export const DeletionQuery = z.object({
  force: z
    .stringbool()
    .default(false)
    .describe('Let the purge end without what cannot be reached; credentials are destroyed all the same.'),
});
export type DeletionQuery = z.infer<typeof DeletionQuery>;
