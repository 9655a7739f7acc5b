export { local } from './description.js';
export { deviceOf } from './device.js';
export { type Disk, disk } from './disk.js';
export { LocalVault, type LocalVaultPlace, localTraits, openLocalVault } from './local-vault.js';
