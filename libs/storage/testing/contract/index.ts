import { aborting } from './aborting.js';
import type { ContractCase } from './contract-case.js';
import { deletingAndListing } from './deleting-and-listing.js';
import { folder } from './folder.js';
import { getting } from './getting.js';
import { putting } from './putting.js';
import { together } from './together.js';

export type { ContractCase, ContractScale } from './contract-case.js';

export const contractCases: readonly ContractCase[] = [
  ...putting,
  ...getting,
  ...deletingAndListing,
  ...folder,
  ...together,
  ...aborting,
];
