import { createHmac } from 'node:crypto';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { Fault } from '#contracts';
import { Outbound } from '#storage';
import { Config } from '../config/index.js';
import { Database } from '../database/index.js';
import { JobKinds } from '../jobs/index.js';
import { alertById, type AlertRow, type Condition, type GatewayCondition, noteDelivered } from './alerts.store.js';

export const ALERT_JOB = 'alert';
/** With pauses of up to ten minutes, a receiver may be away for a good day. */
const ATTEMPTS = 150;

const WORDS: Readonly<Record<Condition | GatewayCondition, readonly [string, string]>> = {
  alarm: [
    'What lies in the folder of a connection is not what was put there. Nothing is written or deleted there until an admin has looked.',
    'The alarm of a connection is over.',
  ],
  'backup-overdue': [
    'No backup of the gateway was made and proved for more than 26 hours, though one is wanted every night.',
    'A backup of the gateway was made and proved again, or none is wanted any more.',
  ],
  failing: ['A connection has been failing for more than a minute.', 'A connection that was failing works again.'],
  full: ['A connection is full: new files go elsewhere.', 'A connection that was full has room again.'],
  losses: [
    'Stored pieces on a connection are missing or damaged. They are made anew elsewhere from the others, where there are enough.',
    'No stored piece on a connection is missing or damaged any more.',
  ],
  'needs-reconnect': ['A connection has to be connected anew by its owner.', 'A connection was connected anew.'],
};

class AlertNotTaken extends Fault {
  override readonly retriable = true;
}

/** Sends an alert, signed, to the operator's address: again and again until it is taken. It names no file, no person and no secret. */
@Injectable()
export class SendAlert implements OnModuleInit {
  constructor(
    @Inject(Config) private readonly config: Config,
    private readonly database: Database,
    private readonly kinds: JobKinds,
  ) {}

  onModuleInit(): void {
    this.kinds.register({
      name: ALERT_JOB,
      attempts: ATTEMPTS,
      cancellable: true,
      run: (job) => this.run(job.ids['alert'] ?? '', job.signal),
    });
  }

  private async run(id: string, signal: AbortSignal): Promise<void> {
    const alert = await alertById(this.database, id);
    const { alerts } = this.config;
    // Nobody is there to be told any more.
    if (!alert || alert.delivered_at !== null || alerts === null) return;
    const body = Buffer.from(JSON.stringify(this.wording(alert)));
    const timestamp = String(Math.floor(Date.now() / 1000));
    const signature = createHmac('sha256', alerts.secret.reveal()).update(`${timestamp}.`).update(body).digest('hex');
    await this.post(alerts.url.reveal(), body, signal, {
      'Content-Type': 'application/json',
      'Tessera-Timestamp': timestamp,
      'Tessera-Signature': `v1=${signature}`,
    });
    await noteDelivered(this.database, id);
  }

  private async post(
    address: string,
    body: Buffer,
    signal: AbortSignal,
    headers: Record<string, string>,
  ): Promise<void> {
    const outbound = new Outbound({ allowHosts: this.config.allowHosts });
    try {
      const request = { length: body.length, pieces: () => [body] };
      const answer = await outbound.send({ method: 'POST', url: new URL(address), headers, body: request, signal });
      await answer.discard();
      if (answer.status < 200 || answer.status > 299) {
        throw new AlertNotTaken(`The receiver of alerts answered ${answer.status}.`);
      }
    } finally {
      outbound.close();
    }
  }

  private wording({ id, connection, provider, house, condition, raised, created_at: at }: AlertRow): object {
    return {
      id,
      at: at.toISOString(),
      gateway: this.config.publicUrl,
      event: connection === null ? `gateway.${condition}` : `connection.${condition}`,
      state: raised ? 'raised' : 'cleared',
      ...(connection !== null && { connection: { id: connection, provider, house } }),
      text: WORDS[condition][raised ? 0 : 1],
    };
  }
}
