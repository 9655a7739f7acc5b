// Prints every breach of the house's own rules and fails when there is one.
import { dirname } from 'node:path';
import { findViolations } from './house-rules.mjs';
import { readSources } from './source-graph.mjs';

const root = process.argv[2] ?? dirname(dirname(import.meta.dirname));
const violations = findViolations(readSources(root));
for (const violation of violations) console.error(violation);
process.exit(violations.length === 0 ? 0 : 1);
