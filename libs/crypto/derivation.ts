import { createHash } from 'node:crypto';
import { Encoding } from './encoding.js';
import { SUITE } from './format.js';
import { hkdfSha512 } from './primitives.js';
import { KEY_LENGTH, SecretKey } from './secret-key.js';

/** Every label that a key is derived under; none is used for two purposes. */
export type Label =
  | 'root/account-wrap'
  | 'root/credential-wrap'
  | 'root/totp-wrap'
  | 'root/marker-seal'
  | 'root/upload-address'
  | 'root/backup-wrap'
  | 'root/backup-head'
  | 'root/backup-name'
  | 'root/fingerprint'
  | 'account/content-wrap'
  | 'account/tree'
  | 'content/chunk-wrap'
  | 'content/manifest'
  | 'chunk/frames'
  | 'chunk/commitment'
  | 'manifest/commitment'
  | 'manifest/header'
  | 'manifest/page'
  | 'upload/state'
  | 'backup/frames'
  | 'backup/commitment'
  | 'backup/name'
  | 'version/mac'
  | 'version/digest'
  | 'preview/mac'
  | 'preview/digest';

const LABEL_LENGTH = 24;
const NOTHING = Buffer.alloc(0);

/** HKDF-SHA-512 with info = suite ‖ label, zero-padded ‖ SHA-256(context). */
export function derive(
  key: SecretKey,
  label: Label,
  salt: Uint8Array = NOTHING,
  context: Uint8Array = NOTHING,
): Buffer {
  const name = Buffer.alloc(LABEL_LENGTH);
  name.write(label, 'ascii');
  const digest = createHash('sha256').update(context).digest();
  const info = new Encoding().u16(SUITE).bytes(name, LABEL_LENGTH).bytes(digest, 32).finish();
  return hkdfSha512(key.bytes(), salt, info, KEY_LENGTH);
}

export function deriveKey(key: SecretKey, label: Label, salt?: Uint8Array, context?: Uint8Array): SecretKey {
  return SecretKey.from(derive(key, label, salt, context));
}

export interface RootKeys {
  accountWrap: SecretKey;
  credentialWrap: SecretKey;
  totpWrap: SecretKey;
  markerSeal: SecretKey;
  uploadAddress: SecretKey;
  backupWrap: SecretKey;
  backupHead: SecretKey;
  backupName: SecretKey;
  /** Tells one root key from another and nothing else; may be stored. */
  fingerprint: Buffer;
}

export function deriveRootKeys(root: SecretKey): RootKeys {
  return {
    accountWrap: deriveKey(root, 'root/account-wrap'),
    credentialWrap: deriveKey(root, 'root/credential-wrap'),
    totpWrap: deriveKey(root, 'root/totp-wrap'),
    markerSeal: deriveKey(root, 'root/marker-seal'),
    uploadAddress: deriveKey(root, 'root/upload-address'),
    backupWrap: deriveKey(root, 'root/backup-wrap'),
    backupHead: deriveKey(root, 'root/backup-head'),
    backupName: deriveKey(root, 'root/backup-name'),
    fingerprint: derive(root, 'root/fingerprint'),
  };
}

export function deriveAccountKeys(accountKey: SecretKey): { contentWrap: SecretKey; tree: SecretKey } {
  return { contentWrap: deriveKey(accountKey, 'account/content-wrap'), tree: deriveKey(accountKey, 'account/tree') };
}

export function deriveContentKeys(contentKey: SecretKey): { chunkWrap: SecretKey; manifest: SecretKey } {
  return {
    chunkWrap: deriveKey(contentKey, 'content/chunk-wrap'),
    manifest: deriveKey(contentKey, 'content/manifest'),
  };
}
