/** Stress tests of code that several threads share. */
package io.github.sae4j.stress;
