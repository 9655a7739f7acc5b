export { SharingModule } from './sharing.module.js';
export * from './faults.js';
