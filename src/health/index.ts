export { HealthModule } from './health.module.js';
export { Metrics } from './metrics.js';
export { type Check, type Finding, Readiness } from './readiness.js';
