import { formatEncoding } from './format.js';

const FIELD_CODES = { credential: 1, totp: 2 } as const;

/** Where a small sealed field belongs. */
export interface FieldContext {
  field: keyof typeof FIELD_CODES;
  /** Whose it is; null for the house's. */
  account: string | null;
  /** The connection, or the second factor, whose field it is. */
  subject: string;
  /** The id of the key it is sealed under. */
  keyId: string;
}

/** The associated data under which a connection's credentials or a TOTP secret are sealed. */
export function fieldContext(context: FieldContext): Buffer {
  return formatEncoding()
    .u8(FIELD_CODES[context.field])
    .uuidOrNone(context.account)
    .uuid(context.subject)
    .uuid(context.keyId)
    .finish();
}
