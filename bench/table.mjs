import { median } from './measure.mjs';

const NAMES = ['gateway', 'webdav', 'bare', 'rclone'];
const HEAD = [
  ...['', 'gateway', 'its WebDAV', 'bare Node', 'rclone crypt'],
  ...['÷ bare', '÷ rclone', 'WebDAV ÷', 'must be', ''],
];

/** One line per row: medians with the best of the rounds in parentheses, ratios of the medians, what must be, whether it is. */
export function tableOf(rows) {
  const lines = [HEAD, HEAD.map((_, index) => (index === 0 ? '---' : '--:')), ...rows.map(lineOf)];
  const widths = HEAD.map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  return lines
    .map(
      (line) =>
        `| ${line.map((cell, column) => cell.padStart(column && widths[column]).padEnd(widths[column])).join(' | ')} |`,
    )
    .join('\n');
}

function lineOf(row) {
  if (row.failure) return [row.what, row.failure, ...HEAD.slice(3).map(() => ''), 'not reached'];
  const values = Object.fromEntries(NAMES.map((name) => [name, (row.found[name] ?? []).map(row.of)]));
  const ratio = (name) => (values[name].length > 0 ? median(values.gateway) / median(values[name]) : null);
  const webdav = ratio('webdav');
  const ratios = { bare: ratio('bare'), rclone: ratio('rclone'), webdav: webdav === null ? null : 1 / webdav };
  return [
    row.what,
    ...NAMES.map((name) => cellOf(values[name], row)),
    ...Object.values(ratios).map((value) => value?.toFixed(2) ?? ''),
    ...verdictOf(row.must ?? {}, median(values.gateway), ratios),
  ];
}

function cellOf(values, { digits = 2, more = false }) {
  if (values.length === 0) return '';
  const best = more ? Math.max(...values) : Math.min(...values);
  const shown = median(values).toFixed(digits);
  return values.length === 1 ? shown : `${shown} (${best.toFixed(digits)})`;
}

function verdictOf(must, value, ratios) {
  const wishes = [
    must.bare !== undefined && [`≤ ${must.bare} × bare`, ratios.bare !== null && ratios.bare <= must.bare],
    must.rclone !== undefined && [`≤ ${must.rclone} × rclone`, ratios.rclone !== null && ratios.rclone <= must.rclone],
    must.webdav !== undefined && [`WebDAV ≤ ${must.webdav} ×`, ratios.webdav !== null && ratios.webdav <= must.webdav],
    must.least !== undefined && [`≥ ${must.least}`, value >= must.least],
    must.below !== undefined && [`< ${must.below}`, value < must.below],
  ].filter(Boolean);
  if (wishes.length === 0) return ['', ''];
  return [wishes.map(([text]) => text).join(', '), wishes.every(([, holds]) => holds) ? 'reached' : 'not reached'];
}
