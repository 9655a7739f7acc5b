export { BackupModule } from './backup.module.js';
export { NightlyBackup } from './nightly-backup.js';
export * from './errors.js';
