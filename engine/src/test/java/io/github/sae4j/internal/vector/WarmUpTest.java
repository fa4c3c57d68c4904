package io.github.sae4j.internal.vector;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A failure of the thread that warms kernels would only be seen in its trace. */
@Tag("kernel")
class WarmUpTest {
  @Test
  void runsAtEveryWidth() {
    assertDoesNotThrow(WarmUp::run);
  }
}
