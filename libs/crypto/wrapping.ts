import { formatEncoding } from './format.js';
import { encodedOrBroken, SealBroken } from './seal-broken.js';
import { openBytes, sealBytes, SEALED_BYTES_OVERHEAD } from './sealed-bytes.js';
import { KEY_LENGTH, SecretKey } from './secret-key.js';

export const WRAPPED_KEY_LENGTH = KEY_LENGTH + SEALED_BYTES_OVERHEAD;

const PURPOSE_CODES = {
  'account-key': 1,
  'content-key': 2,
  'chunk-key': 3,
  'credential-key': 4,
  'totp-key': 5,
  'marker-key': 6,
  'backup-key': 7,
} as const;

export type WrapPurpose = keyof typeof PURPOSE_CODES;

/** Where a wrapped key belongs. It opens there and nowhere else. */
export interface WrapContext {
  purpose: WrapPurpose;
  account: string | null;
  content: string | null;
  chunk: number | null;
  /** The id of the key that is wrapped. */
  keyId: string;
  /** The id of the key it is wrapped under; null for the root key, which has an epoch only. */
  wrapper: string | null;
  epoch: number;
}

export function wrapKey(wrapper: SecretKey, key: SecretKey, context: WrapContext): Buffer {
  return sealBytes(wrapper, key.bytes(), wrapEncoding(context));
}

export function unwrapKey(wrapper: SecretKey, wrapped: Uint8Array, context: WrapContext): SecretKey {
  if (wrapped.length !== WRAPPED_KEY_LENGTH) throw new SealBroken();
  return SecretKey.from(
    openBytes(
      wrapper,
      wrapped,
      encodedOrBroken(() => wrapEncoding(context)),
    ),
  );
}

function wrapEncoding(context: WrapContext): Buffer {
  mustNameItsPlace(context);
  return formatEncoding()
    .u8(PURPOSE_CODES[context.purpose])
    .uuidOrNone(context.account)
    .uuidOrNone(context.content)
    .u64OrNone(context.chunk)
    .uuid(context.keyId)
    .uuidOrNone(context.wrapper)
    .u64(context.epoch)
    .finish();
}

/** A content key without a content, or a chunk key without a chunk, would open in too many places. */
function mustNameItsPlace({ purpose, account, content, chunk }: WrapContext): void {
  const belongsToContent = purpose === 'content-key' || purpose === 'chunk-key';
  const mayBeTheHouses = purpose === 'credential-key' || purpose === 'marker-key' || purpose === 'backup-key';
  const fits =
    (account !== null || mayBeTheHouses) &&
    (content !== null) === belongsToContent &&
    (chunk !== null) === (purpose === 'chunk-key');
  if (!fits) throw new RangeError(`The context does not fit a ${purpose}.`);
}
