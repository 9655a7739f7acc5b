export type { Answer } from './answer.js';
export type { Resolve, Resolved } from './gate.js';
export { Outbound, type OutboundLimits, type OutboundRequest, type OutboundRules } from './outbound.js';
