export { TransfersModule } from './transfers.module.js';
export { ReadFile } from './read-file.js';
export { StoreFile } from './store-file.js';
export * from './errors.js';
