// Who may know whom, and a few other rules of the house that no linter has. Each rule yields sentences.

/** From the ground up: a room imports only rooms that stand before it. */
export const ROOMS = [
  'config',
  'database',
  'ephemeral',
  'health',
  'gateways',
  'jobs',
  'audit',
  'keys',
  'accounts',
  'access',
  'connections',
  'contents',
  'files',
  'transfers',
  'sharing',
  'usage',
  'upkeep',
  'purge',
  'backup',
  'doors',
  'http',
];

/** What a library may import of the others, by what it is for: storage cannot name a key, crypto needs nobody. */
const LIBRARIES = {
  contracts: [],
  crypto: ['contracts'],
  chunks: ['contracts'],
  dispersal: ['contracts'],
  storage: ['contracts'],
};

/** Packages that would bring a network, a framework or a database where none belongs. */
const FORBIDDEN_PACKAGES = {
  libs: /^(@nestjs\/|typeorm$|pg$|ioredis$|graphile-worker$)/,
  'libs/crypto': /^(node:)?(net|http|https|tls|dgram|http2)$/,
  'libs/contracts': /^node:/,
};

const VAGUE_NAME = /(Manager|Helper|Helpers|Util|Utils|Base|Impl)$/;
const STATEMENT = /^\s*(select\s|insert\s+into\s|update\s+\S+\s+set\s|delete\s+from\s|with\s+\w+\s+as\s)/i;

export function findViolations(sources) {
  const rules = [wrongRooms, wrongLibraries, wrongPackages, cycles, strayStatements, vagueNames, deadExports];
  return rules.flatMap((rule) => [...rule(sources)]);
}

const isSpec = (name) => /\.spec\.ts$/.test(name) || name.startsWith('test/');
const roomOf = (name) => /^src\/([^/]+)\//.exec(name)?.[1];
const libraryOf = (name) => /^libs\/([^/]+)\//.exec(name)?.[1];

function* edges(sources) {
  for (const source of sources.values()) {
    for (const { target, specifier, names } of source.imports) yield { from: source.name, target, specifier, names };
  }
}

function* wrongRooms(sources) {
  for (const name of sources.keys()) {
    const room = roomOf(name);
    if (room !== undefined && !ROOMS.includes(room)) yield `${name} lies in a room that has no place in the order`;
  }
  for (const { from, target } of edges(sources)) {
    const [own, other] = [roomOf(from), target && roomOf(target)];
    if (own === undefined || own === other || !target) continue;
    if (isSpec(from)) continue;
    if (target.startsWith('src/') && other === undefined)
      yield `${from} imports ${target}, which stands above all rooms`;
    if (target.startsWith('test/')) yield `${from} imports ${target}, which is for tests`;
    if (!other) continue;
    if (ROOMS.indexOf(other) > ROOMS.indexOf(own)) yield `${from} imports the later room ${other}`;
    else if (target !== `src/${other}/index.ts`) yield `${from} imports ${target} instead of src/${other}/index.ts`;
  }
}

function* wrongLibraries(sources) {
  for (const { from, target } of edges(sources)) {
    if (!target) continue;
    const [own, other] = [libraryOf(from), libraryOf(target)];
    const door = new RegExp(`^libs/${other}/(index|testing/index)\\.ts$`);
    if (own !== undefined && own !== other) {
      if (other === undefined && !(isSpec(from) && target.startsWith('test/')))
        yield `${from} imports ${target}, from outside the libraries`;
      if (other !== undefined && !isSpec(from) && !LIBRARIES[own]?.includes(other))
        yield `${from} imports the library ${other}`;
    }
    if (other !== undefined && own !== other && !door.test(target))
      yield `${from} imports ${target}, an inside of ${other}`;
  }
}

function* wrongPackages(sources) {
  for (const { from, specifier, target } of edges(sources)) {
    if (target !== null || isSpec(from)) continue;
    for (const [folder, pattern] of Object.entries(FORBIDDEN_PACKAGES)) {
      if (from.startsWith(`${folder}/`) && pattern.test(specifier)) yield `${from} imports ${specifier}`;
    }
  }
}

function* cycles(sources) {
  const done = new Set();
  const path = [];
  const found = [];
  const visit = (name) => {
    if (path.includes(name)) return void found.push([...path.slice(path.indexOf(name)), name].join(' → '));
    if (done.has(name) || !sources.has(name)) return;
    path.push(name);
    for (const { target } of sources.get(name).imports) if (target) visit(target);
    path.pop();
    done.add(name);
  };
  for (const name of sources.keys()) visit(name);
  for (const cycle of found) yield `a cycle: ${cycle}`;
}

function* strayStatements(sources) {
  for (const { name, texts } of sources.values()) {
    if (!name.startsWith('src/') || isSpec(name) || name.endsWith('.store.ts') || name.startsWith('src/database/'))
      continue;
    if (texts.some((text) => STATEMENT.test(text))) yield `${name} holds SQL, which belongs into a *.store.ts`;
  }
}

function* vagueNames(sources) {
  for (const { name, exports } of sources.values()) {
    for (const exported of exports)
      if (VAGUE_NAME.test(exported)) yield `${name} exports ${exported}, a name that says nothing`;
  }
}

/** What nobody imports. A library's index is its public face and may offer more than we use; the registry finds providers by their folders. */
function* deadExports(sources) {
  const used = new Set();
  for (const { target, names } of edges(sources)) for (const name of names) if (target) used.add(`${target} ${name}`);
  for (const { name, exports } of sources.values()) {
    if (
      !/^(src|libs)\//.test(name) ||
      isSpec(name) ||
      /^libs\/\w+\/(testing\/|providers\/[a-z0-9-]+\/)?index\.ts$/.test(name)
    )
      continue;
    if (used.has(`${name} *`)) continue;
    for (const exported of exports) {
      if (!used.has(`${name} ${exported}`)) yield `${name} exports ${exported}, which nobody imports`;
    }
  }
}
