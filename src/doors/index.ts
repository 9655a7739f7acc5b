export { DoorsModule } from './doors.module.js';
export * from './webdav/faults.js';
export * from './tus/faults.js';
