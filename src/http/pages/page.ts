import { createHash } from 'node:crypto';

/** Text that becomes part of a page: nothing in it is markup. */
export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
}

export interface Page {
  readonly html: string;
  /** Allows this page's own style and script, by their hashes, and nothing else. */
  readonly policy: string;
}

const STYLE = `
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1d2430; background: #fbfaf7 }
h1, h2 { line-height: 1.2; margin: 2rem 0 .5rem } code, pre { font: 14px/1.5 ui-monospace, monospace }
pre { background: #f0eee8; padding: .75rem; overflow: auto; border-radius: 6px }
table { border-collapse: collapse; width: 100% } td, th { text-align: left; vertical-align: top; padding: .4rem .8rem .4rem 0; border-bottom: 1px solid #e2dfd7 }
details { border-bottom: 1px solid #e2dfd7; padding: .4rem 0 } summary { cursor: pointer }
b.method { display: inline-block; min-width: 4.5rem; font: 600 14px ui-monospace, monospace }
form { display: grid; gap: .8rem; max-width: 24rem } input, button { font: inherit; padding: .5rem .7rem; border: 1px solid #b9b4a7; border-radius: 6px }
button { background: #1d2430; color: #fff; cursor: pointer } [role=status] { min-height: 1.5em } label input { box-sizing: border-box; width: 100% } [hidden] { display: none }
.healthy { color: #1c7a3f } .degraded, .needs-reconnect { color: #a25f00 } .failing { color: #b3261e } td button { margin: 0 .3rem .3rem 0; padding: .25rem .6rem }
@media (prefers-color-scheme: dark) { body { color: #e8e6e1; background: #16191f } pre { background: #22262e } td, th, details { border-color: #333943 } input { background: #22262e; color: inherit; border-color: #4a515d } button { background: #e8e6e1; color: #16191f } }
`;

export function page(title: string, body: string, script?: string): Page {
  const part = script === undefined ? '' : `<script type="module">${script}</script>`;
  const html = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escaped(title)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>${STYLE}</style></head><body>${body}${part}</body></html>`;
  const scripts = script === undefined ? '' : ` script-src ${hashed(script)}; connect-src 'self'; img-src blob:;`;
  const policy = `default-src 'none'; style-src ${hashed(STYLE)};${scripts} form-action 'self'; base-uri 'none'; frame-ancestors 'none'`;
  return { html, policy };
}

function hashed(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}
