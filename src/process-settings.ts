import './config/home-folder.js';
import { setFlagsFromString } from 'node:v8';

// Imported first, for what it does to the process. Transfers make and drop buffers by the gigabyte; V8 otherwise runs a
// full collection for every 64 MiB of them, whatever else the heap holds: half of an upload's CPU time, measured.
setFlagsFromString('--external-memory-accounted-in-global-limit');
