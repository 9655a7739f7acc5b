import { createHash } from 'node:crypto';

/** What some system takes for a separator, a drive, a stream or a wildcard, or cannot write. */
// oxlint-disable-next-line no-control-regex -- the range is the point
const UNFIT = /[\\:*?"<>|\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g;
/** Windows cuts them off. */
const UNFIT_ENDS = /[. ]+$/;
/** Names of devices there, whatever follows the first dot. */
const DEVICE = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\.|$)/i;
const MOST_BYTES = 255;

/**
 * A name as an archive may hold it, wherever it is unpacked: it leads nowhere but into its folder. A name of ours has no
 * slash and is not `..`, but it may well be `..\..\boot.ini`. One that had to be changed gets a mark made of what it was, so that two
 * do not become the same.
 */
export function zipName(name: string): string {
  const fit = name
    .toWellFormed()
    .replace(UNFIT, '_')
    .replace(UNFIT_ENDS, (end) => '_'.repeat(end.length));
  if (fit === name && !DEVICE.test(name)) return name;
  const mark = `~${createHash('sha256').update(name).digest('hex').slice(0, 8)}`;
  const [, stem = '', extension = ''] = /^(.*?)(\.[A-Za-z0-9]{1,12})?$/s.exec(DEVICE.test(fit) ? `_${fit}` : fit) ?? [];
  return `${cut(stem, MOST_BYTES - mark.length - extension.length)}${mark}${extension}`;
}

function cut(text: string, bytes: number): string {
  let short = text;
  while (Buffer.byteLength(short) > bytes) short = Array.from(short).slice(0, -1).join('');
  return short;
}
