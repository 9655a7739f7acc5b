export { driveError, slowDown } from './answering.js';
export type { Asked, Misdeed, Rough, ScriptLine } from './faults.js';
export {
  type ConsentChoice,
  type GoogleDouble,
  type GoogleOptions,
  startGoogle,
  type TokenPair,
} from './google-double.js';
export { driveFile, type GoogleUser, type GoogleWays } from './ways.js';
