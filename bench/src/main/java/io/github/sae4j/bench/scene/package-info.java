/** Data of all contenders: shapes, weights, batches, reference results. */
package io.github.sae4j.bench.scene;
