export { DoorsModule } from './doors.module.js';
export * from './webdav/faults.js';
