/** A training step as one task graph: its arrays, its phases in order, its report. */
package io.github.sae4j.tornado.step;
