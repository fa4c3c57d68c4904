package io.github.sae4j.tornado.runtime;

/**
 * How work is cut for a device. The bits are the same: every result is one chain, whoever forms it.
 */
public enum Schedule {
  /**
   * Many work-items that share local memory and wait for each other, as GPUs have them; each keeps
   * as many sums as its registers hold.
   */
  SHARED(128),

  /**
   * Few work-items that share nothing, for CPUs: what lives across a barrier, an OpenCL for CPUs
   * keeps in memory, for all work-items of a group, so that a GPU's large blocks never stay in
   * registers.
   */
  APART(32);

  private final int codeGroups;

  Schedule(int codeGroups) {
    this.codeGroups = codeGroups;
  }

  /**
   * Most groups that count codes, each in a row of its own of a table of all latents.
   *
   * @return about as many as there are multiprocessors
   */
  public int codeGroups() {
    return codeGroups;
  }
}
