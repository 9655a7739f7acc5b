import { Inject, Injectable, Logger } from '@nestjs/common';
import { Fault } from '#contracts';
import { Config } from '../../config/index.js';
import { Ephemeral, EphemeralAway } from '../../ephemeral/index.js';
import type { OpenFile } from '../../transfers/index.js';
import {
  PictureBroken,
  PictureLocked,
  PictureTooCostly,
  PictureTooLarge,
  PictureUnknown,
  PreviewsOff,
} from '../faults.js';
import { DecoderLine } from './decoder-line.js';
import { PictureDecoder } from './picture-decoder.js';
import { loaderFor, TELLING_BYTES } from './picture-kinds.js';

/** Longer files are no pictures that people look at, and a decoder holds all of one. */
const MOST_BYTES = 64 * 1024 * 1024;
/** So much of the large picture is in hand at once, outside of the downloads' budget: 256 KiB for each decoder. */
const FRAMES_AT_ONCE = 4;
/** What cannot be shown is not tried again for so long; most of it never will be, some was only too much at that moment. */
const REFUSED_MS = 600_000;

const REFUSALS: Readonly<Record<string, new () => Fault>> = {
  broken: PictureBroken,
  costly: PictureTooCostly,
  large: PictureTooLarge,
  locked: PictureLocked,
};

/** Makes a small picture of a file's bytes, a few at a time. */
@Injectable()
export class MakePreview {
  private readonly log = new Logger('sharing');
  private readonly line: DecoderLine;

  constructor(
    @Inject(Config) private readonly config: Config,
    private readonly decoder: PictureDecoder,
    private readonly ephemeral: Ephemeral,
  ) {
    this.line = new DecoderLine(config.previewDecoders);
  }

  async run(account: string, file: OpenFile, side: number): Promise<Buffer> {
    if (this.config.previewDecoders === 0) throw new PreviewsOff();
    const { size: length, content } = file.version;
    if (length < TELLING_BYTES) throw new PictureUnknown();
    const reader = await file.content();
    const loader = loaderFor(await firstOf(reader.read(0, TELLING_BYTES, 1)));
    if (loader === null) throw new PictureUnknown();
    if (length > MOST_BYTES) throw new PictureTooLarge();
    await this.#recall(content);
    try {
      return await this.line.run(account, () =>
        this.decoder.run({ loader, length, bytes: reader.read(0, length, FRAMES_AT_ONCE) }, side),
      );
    } catch (error) {
      await this.#remember(content, error);
      throw error;
    }
  }

  async #recall(content: string): Promise<void> {
    const known = await this.#ephemerally(() => this.ephemeral.get<string>(refusedKey(content)));
    const Refusal = known && REFUSALS[known];
    if (Refusal) throw new Refusal();
  }

  async #remember(content: string, error: unknown): Promise<void> {
    const why = Object.keys(REFUSALS).find((name) => error instanceof REFUSALS[name]!);
    if (why) await this.#ephemerally(() => this.ephemeral.put(refusedKey(content), why, REFUSED_MS));
  }

  /** Without its memory it only works more. */
  async #ephemerally<T>(ask: () => Promise<T>): Promise<T | null> {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof EphemeralAway)) throw error;
      this.log.debug(error.message);
      return null;
    }
  }
}

/** What was opened for the reading is closed again: the loop is left, not forgotten. */
async function firstOf(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
  for await (const piece of pieces) return piece;
  return Buffer.alloc(0);
}

function refusedKey(content: string): string {
  return `preview:refused:${content}`;
}
