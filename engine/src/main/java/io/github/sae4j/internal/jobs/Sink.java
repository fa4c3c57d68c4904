package io.github.sae4j.internal.jobs;

import java.io.IOException;
import java.util.List;
import java.util.Map;

/** Writes a job's results in some format; called from one thread, with rows in order. */
interface Sink {
  /** Identifies the format in the record of a request. */
  Map<String, Object> describe();

  /** Names of the final files. */
  List<String> files();

  /** Creates the parts of a new file. */
  void begin(ShardFile file) throws IOException;

  /** Continues after the current content of a file's parts. */
  void resume(ShardFile file) throws IOException;

  /** Writes the results of a chunk. */
  void write(ShardFile file, Slot slot) throws IOException;

  /**
   * Assembles the files from their parts, in the folder of the parts; a part that has a file's name
   * is that file.
   */
  void finish(ShardFile file) throws IOException;
}
