package io.github.sae4j.bench.jmh;

import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/** Counters that JMH divides by time, so that they read as rates. */
@State(Scope.Thread)
@AuxCounters(AuxCounters.Type.OPERATIONS)
public class Rates {
  /** GFLOP/s. */
  public double gigaflops;

  /** GB/s. */
  public double gigabytes;

  /** For JMH. */
  public Rates() {}
}
