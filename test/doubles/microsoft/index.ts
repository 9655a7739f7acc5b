export type { NewUser, SignInWays, Tokens, User } from './accounts.js';
export {
  type ConsentChoice,
  type DoubleOptions,
  MicrosoftDouble,
  startMicrosoftDouble,
  type StoredFile,
} from './double.js';
export type { Misdeed, RandomTrouble, ScriptLine } from './troubles.js';
