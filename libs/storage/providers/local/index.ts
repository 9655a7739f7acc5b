export { local } from './description.js';
export { deviceOf } from './device.js';
export type { Disk } from './disk.js';
export { LocalVault, type LocalVaultPlace, openLocalVault } from './local-vault.js';
