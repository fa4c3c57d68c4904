/** Internal. JSON and the little of YAML that configurations need, read within bounds. */
package io.github.sae4j.internal.json;
