export { isBlobName, newBlobName, requireBlobName } from './blob-name.js';
export { type Clock, systemClock } from './clock.js';
export * from './errors.js';
export { isFolderName, newFolderName } from './folder-name.js';
export { folderId, type FolderPage, listsFolders, type ListsFolders, type RemoteFolder } from './lists-folders.js';
export { keepsTemporaries } from './keeps-temporaries.js';
export { Outbound, type OutboundRules } from './outbound/index.js';
export * from './pacing/index.js';
export { probe, type ProbeOptions, type ProbeResult, type ProbeStep } from './probe.js';
export { type CodeExchange, OAuthClient, type OAuthRegistration } from './oauth/client.js';
export { newVerifier } from './oauth/pkce.js';
export { missingScopes } from './oauth/scopes.js';
export type { GrantedTokens } from './oauth/token-answer.js';
export type { AccessTokens, Consent, OAuthEndpoints, OAuthRules, RemoteAccount } from './oauth/rules.js';
export type * from './provider.js';
export {
  type ConnectField,
  type OpenPlace,
  type ProviderDescription,
  type ProviderLimits,
  readSettings,
  type Settings,
  type WebLogin,
} from './providers/description.js';
export { findProvider, providers } from './providers/index.js';
export { deviceOf, LocalVault, type LocalVaultPlace, openLocalVault } from './providers/local/index.js';
export { type GatedRequest, openGate, type Pass, type RequestGate, type RequestOutcome } from './request-gate.js';
export * from './wrappers/index.js';
