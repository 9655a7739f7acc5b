import { Fault } from '#contracts';

/** A place answers, our folder is not found in it, and it is not certain to be the same place. */
export class FolderGone extends Fault {
  override readonly retriable = true;

  constructor() {
    super(
      'Our folder is not found there, and another disk may lie where it was. If all that lay there is lost, its owner has to say so.',
    );
  }
}
