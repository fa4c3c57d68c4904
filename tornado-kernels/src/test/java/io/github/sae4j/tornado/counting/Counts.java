package io.github.sae4j.tornado.counting;

/** What some groups of a kernel did. */
final class Counts {
  /** Warp instructions with floating-point operands, of which fma. */
  long floating;

  long fma;

  /** Lanes of the latter. */
  long fmaLanes;

  /** Warp instructions on integers, comparisons and jumps among them. */
  long integer;

  /** Warp loads and stores of global memory; the sectors of 32 bytes that they touch. */
  long globalRequests;

  long requestedSectors;

  /** Sectors that the groups touch, each counted once for each group. */
  long groupSectors;

  /** Sectors that L1 has not, or no longer, of which each group has its share. */
  long l1Misses;

  /** Warp loads and stores of local memory, and the cycles that they take by bank conflicts. */
  long localRequests;

  long localCycles;

  /** Bytes of local memory that lanes ask for. */
  long localBytes;

  long barriers;

  /** Cycles of each group, if it were alone, together: what waits for what. */
  long chain;

  double groups;

  void add(Counts other) {
    floating += other.floating;
    fma += other.fma;
    fmaLanes += other.fmaLanes;
    integer += other.integer;
    globalRequests += other.globalRequests;
    requestedSectors += other.requestedSectors;
    groupSectors += other.groupSectors;
    l1Misses += other.l1Misses;
    localRequests += other.localRequests;
    localCycles += other.localCycles;
    localBytes += other.localBytes;
    barriers += other.barriers;
    chain += other.chain;
    groups += other.groups;
  }

  /** Warp instructions. */
  long lines() {
    return floating + integer + globalRequests + localRequests + barriers;
  }

  /** Cycles of a group, if it were alone. */
  double meanChain() {
    return groups == 0 ? 0 : chain / groups;
  }

  /** The same for more groups of the kind. */
  Counts times(double factor) {
    Counts scaled = new Counts();
    scaled.floating = Math.round(floating * factor);
    scaled.fma = Math.round(fma * factor);
    scaled.fmaLanes = Math.round(fmaLanes * factor);
    scaled.integer = Math.round(integer * factor);
    scaled.globalRequests = Math.round(globalRequests * factor);
    scaled.requestedSectors = Math.round(requestedSectors * factor);
    scaled.groupSectors = Math.round(groupSectors * factor);
    scaled.l1Misses = Math.round(l1Misses * factor);
    scaled.localRequests = Math.round(localRequests * factor);
    scaled.localCycles = Math.round(localCycles * factor);
    scaled.localBytes = Math.round(localBytes * factor);
    scaled.barriers = Math.round(barriers * factor);
    scaled.chain = Math.round(chain * factor);
    scaled.groups = groups * factor;
    return scaled;
  }
}
