export { type GateLimits } from './flows.js';
export { type GateState, PacedGate, type PacedGateOptions, patienceMs } from './paced-gate.js';
export { LocalTurnstile, type TurnAnswer, type TurnAsk, type TurnFlow, type Turnstile } from './turnstile.js';
