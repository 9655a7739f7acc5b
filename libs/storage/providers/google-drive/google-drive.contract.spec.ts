import { afterAll, beforeAll } from 'vitest';
import { type GoogleDouble, startGoogle } from '../../../../test/doubles/google/index.js';
import { newFolderName } from '../../folder-name.js';
import { describeProvider } from '../../testing/index.js';
import { googleDrive } from './index.js';

let google: GoogleDouble;

beforeAll(async () => {
  google = await startGoogle();
});

afterAll(() => google.stop());

describeProvider('Google Drive', async () => {
  const { accessToken } = google.grant();
  const tokens = { current: async () => accessToken, renew: async () => accessToken };
  const place = { settings: {}, folder: newFolderName(), instance: 'one', tokens, origin: google.origin };
  const settings = await googleDrive.settle!(place);
  const provider = await googleDrive.open({ ...place, settings });
  await provider.writeMarker(Buffer.from('marker'));
  return { provider };
});
