/** Off-heap memory: matrices, sparse codes and the groups that own them. */
package io.github.sae4j.memory;
