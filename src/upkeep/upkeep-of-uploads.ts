import { Injectable } from '@nestjs/common';
import { Drafts, Quota } from '../contents/index.js';

/** Gives up drafts of this gateway whose upload is gone, and returns what of accounts' quotas it does not need. */
@Injectable()
export class UpkeepOfUploads {
  constructor(
    private readonly drafts: Drafts,
    private readonly quota: Quota,
  ) {}

  async run(): Promise<void> {
    await this.drafts.sweepStrays();
    await this.quota.returnIdle();
  }
}
