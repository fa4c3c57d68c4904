package io.github.sae4j.internal.jobs;

import java.io.IOException;
import java.util.List;
import java.util.Map;

/** The form in which a job's results are written; from one thread, rows in order. */
interface Sink {
  /** What tells this form from others, for the record of what was asked for. */
  Map<String, Object> describe();

  /** Names of the files that there will be. */
  List<String> files();

  /** Begins the parts of a new file. */
  void begin(ShardFile file) throws IOException;

  /** Goes on after what a file's parts hold already. */
  void resume(ShardFile file) throws IOException;

  /** Writes the results of a chunk. */
  void write(ShardFile file, Slot slot) throws IOException;

  /**
   * Makes the files of their parts, under their names in the folder of the parts; a part of a
   * file's name is that file.
   */
  void finish(ShardFile file) throws IOException;
}
