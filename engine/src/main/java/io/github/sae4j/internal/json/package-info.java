/** Internal. JSON, and the subset of YAML that configurations need, read within bounds. */
package io.github.sae4j.internal.json;
