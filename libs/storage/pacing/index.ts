export { type GateLimits } from './flows.js';
export { type GateState, PacedGate, type PacedGateOptions, patienceMs } from './paced-gate.js';
export { inSecondLine, isInSecondLine, SecondLine } from './second-line.js';
export { LocalTurnstile, type TurnAnswer, type TurnAsk, type TurnFlow, type Turnstile } from './turnstile.js';
