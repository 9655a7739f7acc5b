// Prints docs/configuration.md from the schema. `--check` only tells whether it is current.
import { readFileSync, writeFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { dirname, join } from 'node:path';

// The sources import each other by the names that the compiler will give them.
registerHooks({
  resolve(specifier, context, next) {
    const fromSource = context.parentURL?.endsWith('.ts') && specifier.startsWith('.');
    return next(fromSource ? specifier.replace(/\.js$/, '.ts') : specifier, context);
  },
});
const { settings } = await import('../src/config/settings.ts');

const path = join(dirname(import.meta.dirname), 'docs', 'configuration.md');
const text = document(settings.shape);
if (!process.argv.includes('--check')) writeFileSync(path, text);
else if (currentText() !== text) {
  console.error('docs/configuration.md is not current: npm run docs:config');
  process.exit(1);
}

function document(shape) {
  const rows = Object.entries(shape).map(([name, schema]) => row(name, schema));
  return `# Configuration

The gateway reads these variables once, at its start. A wrong or missing one stops the start with one line that names it. An empty one counts as not set. This page is printed from the schema in \`src/config/settings.ts\` by \`npm run docs:config\`.

| variable | meaning | default |
|---|---|---|
${rows.join('\n')}
`;
}

function row(name, schema) {
  const { description, byDefault } = schema.meta() ?? {};
  return `| \`${name}\` | ${description} | ${byDefault ?? given(schema) ?? '–'} |`;
}

function given(schema) {
  const value = schema.safeParse(undefined).success ? schema._zod.def.defaultValue : undefined;
  return value === undefined ? undefined : `\`${value}\``;
}

function currentText() {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
