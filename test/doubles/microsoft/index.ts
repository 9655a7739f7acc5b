export type { NewUser, SignInWays, Tokens, User } from './accounts.js';
export { type ConsentChoice, type DoubleOptions, MicrosoftDouble, startMicrosoftDouble } from './double.js';
export type { Misdeed, RandomTrouble, ScriptLine } from './troubles.js';
