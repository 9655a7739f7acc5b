import { formatEncoding } from './format.js';
import { openRow, type SealedRow, sealRow } from './sealed-row.js';
import { encodedOrBroken } from './seal-broken.js';
import type { SecretKey } from './secret-key.js';

/** What the row of a preview says; whoever changes one of these in the database is found out. */
export interface PreviewFields {
  account: string;
  /** The content that is shown. */
  source: string;
  /** The longer side of the largest picture that it may be, in pixels. */
  side: number;
  /** The content that the preview itself is. */
  content: string;
  size: number;
}

export function sealPreview(tree: SecretKey, fields: PreviewFields, sha256: Buffer): SealedRow {
  return sealRow(tree, 'preview', previewEncoding(fields), sha256);
}

/** Answers the preview's SHA-256. Throws SealBroken. */
export function openPreview(tree: SecretKey, fields: PreviewFields, mac: Uint8Array, sealedSha256: Uint8Array): Buffer {
  const encoded = encodedOrBroken(() => previewEncoding(fields));
  return openRow(tree, 'preview', encoded, { mac, sealedSha256 });
}

function previewEncoding(fields: PreviewFields): Buffer {
  return formatEncoding()
    .uuid(fields.account)
    .uuid(fields.source)
    .u16(fields.side)
    .uuid(fields.content)
    .u64(fields.size)
    .finish();
}
