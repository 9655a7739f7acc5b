export { type BodyInHand, bodyOf, listAll, readAll, someBytes } from './bytes.js';
export { type ContractCase, contractCases } from './contract/index.js';
export { type ContractPlace, describeProvider } from './describe-provider.js';
export { faultyProvider, type FaultyProvider, type Misdeed, type ScriptLine } from './faulty-provider.js';
export { MemoryProvider, memoryProvider } from './memory-provider.js';
export { TestClock } from './test-clock.js';
export { type NextcloudDouble, startNextcloudDouble } from './servers/nextcloud-double.js';
export { type DavServer, startApache, startRcloneWebdav } from './servers/dav-server.js';
