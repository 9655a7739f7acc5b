export { Config, type OAuthApplication, type Vendor } from './config.js';
export { ConfigModule } from './config.module.js';
export { type Environment, readConfig, readWorkerConfig, SettingFault, unknownSettings } from './read-config.js';
export { Secret } from './secret.js';
