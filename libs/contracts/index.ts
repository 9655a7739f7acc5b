export * from './accounts.js';
export * from './audit.js';
export * from './common.js';
export * from './connections.js';
export { Fault } from './fault.js';
export * from './files.js';
export * from './health.js';
export * from './jobs.js';
export * from './problems.js';
