/** Stress tests of what several threads share. */
package io.github.sae4j.stress;
