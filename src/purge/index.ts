export { PurgeModule } from './purge.module.js';
export * from './errors.js';
