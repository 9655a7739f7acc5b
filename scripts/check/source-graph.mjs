// Reads every source file with a real parser: what it imports from where, what it exports, which texts it holds.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { parseSync, Visitor } from 'rolldown/utils';

const FOLDERS = ['src', 'libs', 'migrations', 'test', 'bench', 'docker', 'scripts'];

/** Files by their path from the root, with forward slashes. */
export function readSources(root) {
  const aliases = libraryAliases(root);
  const files = new Map();
  for (const folder of FOLDERS) {
    for (const path of filesUnder(join(root, folder))) {
      const name = relative(root, path).replaceAll('\\', '/');
      files.set(name, readSource(root, name, aliases));
    }
  }
  return files;
}

function filesUnder(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|mts|mjs)$/.test(entry.name) && !entry.name.endsWith('.d.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.includes('node_modules'));
}

/** `#crypto` → `libs/crypto/index.ts`, as package.json says. */
function libraryAliases(root) {
  const { imports = {} } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return new Map(Object.entries(imports).map(([name, { source }]) => [name, source.replace(/^\.\//, '')]));
}

function readSource(root, name, aliases) {
  const code = readFileSync(join(root, name), 'utf8');
  const { program, module, errors } = parseSync(name, code);
  if (errors.length > 0) throw new Error(`${name}: ${errors[0].message}`);
  const resolve = (specifier) => resolveImport(root, name, specifier, aliases);
  return {
    name,
    lines: code.split('\n').length,
    imports: [...importsOf(module), ...laterImportsOf(program)].map((item) => ({
      ...item,
      target: resolve(item.specifier),
    })),
    exports: exportsOf(module, program),
    texts: textsOf(program),
  };
}

function importsOf(module) {
  const imported = module.staticImports.map(({ moduleRequest, entries }) => ({
    specifier: moduleRequest.value,
    names: entries.map(({ importName }) => nameOf(importName)),
  }));
  const passedOn = module.staticExports.flatMap(({ entries }) =>
    entries
      .filter(({ moduleRequest }) => moduleRequest)
      .map(({ moduleRequest, importName }) => ({ specifier: moduleRequest.value, names: [nameOf(importName)] })),
  );
  return [...imported, ...passedOn];
}

function nameOf(importName) {
  if (importName.kind === 'Name') return importName.name;
  return importName.kind === 'Default' ? 'default' : '*';
}

/** `import('…')`, as an expression and as a type. */
function laterImportsOf(program) {
  const found = [];
  const add = (node) => node?.type === 'Literal' && found.push({ specifier: node.value, names: ['*'] });
  new Visitor({
    ImportExpression: (node) => add(node.source),
    TSImportType: (node) => add(node.source ?? node.argument),
  }).visit(program);
  return found;
}

/** Values only: a type may be exported just because a signature names it. */
function exportsOf(module, program) {
  const types = new Set(
    program.body
      .filter((node) => /^TS(Interface|TypeAlias)Declaration$/.test(node.declaration?.type))
      .map((node) => node.declaration.id.name),
  );
  return module.staticExports
    .flatMap(({ entries }) => entries)
    .filter(({ exportName, isType }) => exportName.kind !== 'None' && !isType && !types.has(exportName.name))
    .map(({ exportName }) => exportName.name ?? 'default');
}

function textsOf(program) {
  const texts = [];
  new Visitor({
    Literal: (node) => typeof node.value === 'string' && texts.push(node.value),
    TemplateLiteral: (node) => texts.push(node.quasis.map((quasi) => quasi.value.raw).join('…')),
  }).visit(program);
  return texts;
}

/** A path from the root; null for a package or for what is not there. */
function resolveImport(root, from, specifier, aliases) {
  if (aliases.has(specifier)) return aliases.get(specifier);
  if (!specifier.startsWith('.')) return null;
  const path = join(dirname(from), specifier).replaceAll('\\', '/');
  const candidates = [path.replace(/\.js$/, '.ts'), path.replace(/\.mjs$/, '.mts'), path];
  return (
    candidates.find((candidate) => existsSync(join(root, candidate)) && statSync(join(root, candidate)).isFile()) ??
    null
  );
}
