/** What all contenders work on: shapes, weights, batches, reference results. */
package io.github.sae4j.bench.scene;
