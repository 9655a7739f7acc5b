import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Database } from '../database/index.js';
import { Ephemeral } from '../ephemeral/index.js';
import { Readiness } from '../health/index.js';

/** The checks of the rooms that stand above the one that keeps checks. */
@Injectable()
export class ReadinessChecks implements OnModuleInit {
  constructor(
    private readonly readiness: Readiness,
    private readonly database: Database,
    private readonly ephemeral: Ephemeral,
  ) {}

  onModuleInit(): void {
    this.readiness.add({ name: 'database', run: () => this.database.check() });
    this.readiness.add({ name: 'short-lived state', run: async () => void (await this.ephemeral.get('readiness')) });
  }
}
